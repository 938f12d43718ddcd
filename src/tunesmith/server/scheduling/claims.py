"""Claims of jobs, and the leases that keep each with one server.

A lease is (owner, token) in the job's row, and the owner's heartbeat. The owner is an installation, the
token one claim: whoever holds an old token can no longer write. A server that dies no longer beats; one that
starts again on the same data folder takes its own jobs back at once, others once its heart has stood still
for the length of a lease.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.inputs import PULL, PULL_MODEL, FrozenInputs
from tunesmith.server.jobs.states import ACTIVE, Status, transition
from tunesmith.server.jobs.tables import Job, Queue
from tunesmith.server.kit.database import SKIP_LOCKED, now
from tunesmith.server.models.pulls import set_pulled
from tunesmith.server.orgs.tables import Org
from tunesmith.server.scheduling.fairness import Candidate, Share
from tunesmith.server.scheduling.resources import demand_of
from tunesmith.workers.base import Demand, Slot

_ACTIVE = tuple(status.value for status in ACTIVE)
_STOPPING = (Status.CANCELING.value, Status.PAUSING.value)
_IN_SHORT = select(
    Job.id, Job.created_on, Job.slot, Job.gpus, Job.gpu_ids, Job.memory_mb, Job.nodes, Job.platform_id
)
"""What decides of a waiting job, without its specs and inputs, which may be large."""


class LeaseLostError(Exception):
    """Another server has the job now; this one must no longer write to it."""


@dataclass(frozen=True)
class Claim:
    """A job that this server runs now, and what it occupies. `first`: it has never had a worker."""

    job_id: UUID
    token: UUID
    demand: Demand
    gpus: tuple[int, ...]
    first: bool = False


def candidates(session: Session, slot: Slot, most: int) -> list[Candidate]:
    """The jobs that wait for a kind of slot: of each organisation the oldest, `most` at most."""
    waiting = Job.queue == Queue.READY, Job.slot == slot
    found: list[Candidate] = []
    of_org = select(Job.id).where(*waiting, Job.org_id == Org.id).exists()
    for org_id in session.scalars(select(Org.id).where(of_org)).all():
        oldest = _IN_SHORT.where(*waiting, Job.org_id == org_id).order_by(Job.created_on, Job.id)
        jobs = session.execute(oldest.limit(most))
        found += [Candidate(job.id, org_id, job.created_on, demand_of(job)) for job in jobs]
    return found


def shares(session: Session, orgs: Collection[UUID]) -> dict[UUID, Share]:
    """What organisations have got so far. Transfers do not count."""
    running = select(Job.org_id, func.count()).where(Job.status.in_(_ACTIVE), Job.slot != Slot.IO)
    counts = {row[0]: row[1] for row in session.execute(running.group_by(Job.org_id))}
    served = session.execute(select(Org.id, Org.served_on).where(Org.id.in_(orgs)))
    return {
        org_id: Share(counts.get(org_id, 0), served_on) if served_on else Share(counts.get(org_id, 0))
        for org_id, served_on in served
    }


def claim(session: Session, *, wanted: Candidate, owner: str, gpus: tuple[int, ...]) -> Claim | None:
    """Take a job that is ready; None if another server was faster, or it was stopped a moment ago."""
    job = session.get(Job, wanted.job_id, with_for_update=SKIP_LOCKED, populate_existing=True)
    if job is None or job.queue != Queue.READY:
        return None
    transition(session, job.id, Status.RUNNING, "claimed by a free slot")
    if job.action in {PULL, PULL_MODEL}:
        _mark_pulling(session, job)
    session.execute(update(Org).where(Org.id == job.org_id).values(served_on=now()))
    first = job.attempt == 0
    if first:
        job.attempt, job.ran_on, job.log_offsets = 1, owner, {owner: 0}
    return _leased(job, owner, Claim(job.id, uuid4(), wanted.demand, gpus, first))


def orphans(session: Session, alive: Collection[str], held: Collection[UUID]) -> list[tuple[UUID, Demand]]:
    """Active jobs that no server watches, and what they need; `held` are those that this one watches.

    `alive` are the other servers that are there.
    """
    lost = session.scalars(select(Job).where(*_orphaned(alive), Job.id.not_in(held)))
    return [(job.id, demand) for job in lost if (demand := _readable_demand(job))]


def take_over(
    session: Session, *, job_id: UUID, owner: str, alive: Collection[str], gpus: tuple[int, ...]
) -> Claim | None:
    """Go on with a job whose server is gone; None if another server was faster."""
    query = select(Job).where(Job.id == job_id, *_orphaned(alive))
    job = session.scalar(query.with_for_update(key_share=True, skip_locked=True))
    if job is None:
        return None
    return _leased(job, owner, Claim(job.id, uuid4(), demand_of(job), gpus))


def release(session: Session, token: UUID) -> None:
    """Let go of a job that has not ended, so that whichever server has room goes on with it."""
    session.execute(update(Job).where(Job.lease_token == token).values(lease_owner=None, lease_token=None))


def held_job(session: Session, job_id: UUID, token: UUID) -> Job:
    """The job that this server holds, locked.

    Raises:
        LeaseLostError: the lease is another's.
    """
    job = session.scalars(select(Job).where(Job.id == job_id).with_for_update(key_share=True)).one_or_none()
    if job is None or job.lease_token != token:
        raise LeaseLostError
    return job


def still_held(session: Session, tokens: Collection[UUID]) -> set[UUID]:
    """Which of these leases no other server has taken."""
    return set(session.scalars(select(Job.lease_token).where(Job.lease_token.in_(tokens))))


def stopping(session: Session, held: Collection[UUID]) -> Mapping[UUID, Status]:
    """Which of the jobs that run here were asked to stop: they are Canceling or Pausing."""
    asked = select(Job.id, Job.status).where(Job.id.in_(held), Job.status.in_(_STOPPING))
    return {job_id: Status(status) for job_id, status in session.execute(asked)}


def _orphaned(alive: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return Job.status.in_(_ACTIVE), or_(Job.lease_owner.is_(None), Job.lease_owner.not_in(alive))


def _readable_demand(job: Job) -> Demand | None:
    try:
        return demand_of(job)
    except (ValueError, TypeError):
        return None  # a row that makes no sense was never claimed by a server of this version


def _leased(job: Job, owner: str, claim: Claim) -> Claim:
    job.lease_owner, job.lease_token = owner, claim.token
    return claim


def _mark_pulling(session: Session, job: Job) -> None:
    for identity in FrozenInputs.load(job.inputs).base_models:
        set_pulled(session, identity, PullStatus.IN_PROGRESS)
    session.execute(update(Dataset).where(Dataset.id == job.dataset_id).values(status="in_progress"))
