"""Claims of jobs that may run, and the leases that keep each with one server.

A lease is (owner, token, expiry) in the job's row. The owner is this installation, the token one claim:
whoever holds an old token can no longer write. A server that dies stops extending; one that starts again
on the same data folder takes its own jobs back at once, any other after the expiry.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.inputs import PULL, PULL_MODEL, FrozenInputs
from tunesmith.server.jobs.states import ACTIVE, WAITING, Status, transition
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import now
from tunesmith.server.models.pulls import set_pulled
from tunesmith.server.scheduling.executors.base import Slot
from tunesmith.server.scheduling.slots import SlotPool
from tunesmith.server.scheduling.waiting import obstacle

_ACTIVE = tuple(status.value for status in ACTIVE)
_STOPPING = (Status.CANCELING.value, Status.PAUSING.value)


@dataclass(frozen=True)
class Claim:
    """A job that this server runs now."""

    job_id: UUID
    token: UUID
    slot: Slot
    gpus: tuple[int, ...]


def claim(session: Session, job: Job, owner: str, lease: timedelta, pool: SlotPool) -> Claim | None:
    """Take a waiting job, or note what it waits for. A job that can never run ends here."""
    if job.status not in WAITING:
        return None
    found = obstacle(session, job)
    if isinstance(found, Details):
        job.details = found.model_dump(mode="json")
        transition(session, job.id, Status.ERROR, found.message)
        return None
    slot = Slot(job.slot)
    if found or not pool.has_room(slot, job.gpus):
        job.waits_for = found or pool.shortage(slot, job.gpus)
        return None
    transition(session, job.id, Status.RUNNING, "claimed by a free slot")
    if job.action in {PULL, PULL_MODEL}:
        _mark_pulling(session, job)
    return _lease(job, owner, lease, pool.take(slot, job.gpus))


def take_over(job: Job, owner: str, lease: timedelta, pool: SlotPool) -> Claim | None:
    """Go on with a job whose server died, if a slot is free."""
    slot = Slot(job.slot)
    if not pool.has_room(slot, job.gpus):
        return None
    return _lease(job, owner, lease, pool.take(slot, job.gpus))


def orphans(session: Session, owner: str, held: Collection[UUID]) -> Sequence[Job]:
    """Active jobs that nobody watches: this server's from before its restart, and those with an old lease."""
    lost = or_(
        Job.lease_owner.is_(None),
        Job.lease_expires_on.is_(None),
        Job.lease_expires_on < now(),
        Job.lease_owner == owner,
    )
    return session.scalars(select(Job).where(Job.status.in_(_ACTIVE), lost, Job.id.not_in(held))).all()


def extend(session: Session, tokens: Collection[UUID], lease: timedelta) -> None:
    """The heartbeat of the jobs that this server watches."""
    session.execute(update(Job).where(Job.lease_token.in_(tokens)).values(lease_expires_on=now() + lease))


def release(session: Session, token: UUID) -> None:
    """Let go of a job that has not ended, so that the next server to start goes on with it."""
    session.execute(
        update(Job)
        .where(Job.lease_token == token)
        .values(lease_owner=None, lease_token=None, lease_expires_on=None)
    )


def stopping(session: Session, held: Collection[UUID]) -> Mapping[UUID, Status]:
    """Which of the jobs that run here were asked to stop: they are Canceling or Pausing."""
    asked = select(Job.id, Job.status).where(Job.id.in_(held), Job.status.in_(_STOPPING))
    return {job_id: Status(status) for job_id, status in session.execute(asked)}


def _lease(job: Job, owner: str, lease: timedelta, gpus: tuple[int, ...]) -> Claim:
    token = uuid4()
    job.lease_owner = owner
    job.lease_token = token
    job.lease_expires_on = now() + lease
    job.attempt += 1
    return Claim(job_id=job.id, token=token, slot=Slot(job.slot), gpus=gpus)


def _mark_pulling(session: Session, job: Job) -> None:
    for identity in FrozenInputs.load(job.inputs).base_models:
        set_pulled(session, identity, PullStatus.IN_PROGRESS)
    session.execute(update(Dataset).where(Dataset.id == job.dataset_id).values(status="in_progress"))
