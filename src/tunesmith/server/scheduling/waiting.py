"""What the jobs that are new to the queue wait for: worked out for many at once, in a few queries."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tunesmith.protocol import Cause
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.inputs import PULL, PULL_MODEL, FrozenInputs
from tunesmith.server.jobs.states import TERMINAL, WAITING, Status, transition
from tunesmith.server.jobs.tables import Job, Queue
from tunesmith.server.models.pulls import obstacle_of
from tunesmith.server.models.tables import PulledModel
from tunesmith.server.scheduling.resources import Fleet, demand_of
from tunesmith.server.scheduling.slots import wait_for
from tunesmith.workers.base import Slot

_PULLS = (PULL, PULL_MODEL)
_AT_ONCE = 200
_ALONE = text("SELECT pg_advisory_xact_lock(0x6c6f6f6b)")
"""Servers look one after the other: two that held jobs of one chain would wait for each other."""

_log = structlog.get_logger()


class Obstacle(NamedTuple):
    """What a job waits for, as a sentence and by its id; or the failure that keeps it from ever running."""

    sentence: str
    identity: UUID | None = None
    failure: Details | None = None

    @classmethod
    def for_ever(cls, cause: Cause, sentence: str) -> "Obstacle":
        """What nobody can remove."""
        return cls(sentence, failure=Details.of_failure(cause, sentence))


class _Pulled(NamedTuple):
    """How far a dataset is."""

    name: str
    revision: int
    status: str
    status_reason: str


_NEW = select(Job).where(Job.queue == Queue.NEW, Job.status.in_(WAITING))


def any_new(session: Session) -> bool:
    """Whether there are jobs to look at. It spares a transaction that writes, for which others would wait."""
    return session.scalar(_NEW.with_only_columns(Job.id).limit(1)) is not None


def look_at_new(session: Session, fleet: Fleet) -> bool:
    """Find out what new jobs wait for, the oldest first. True if there are more of them.

    A job that can never run ends here. What others wait for is locked until the transaction ends: it cannot
    be settled between the look and the note that the job waits for it.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_ALONE)
    oldest = _NEW.order_by(Job.created_on, Job.id).limit(_AT_ONCE)
    jobs = session.scalars(oldest.with_for_update(key_share=True, skip_locked=True)).all()
    if not jobs:
        return False
    readable = {job.id: needs for job in jobs if (needs := _needs(session, job)) is not None}
    outlook = _Outlook(session, jobs, readable.values())
    for job in jobs:
        if job.id in readable:
            _file(session, job, outlook.obstacle(job, readable[job.id]), fleet)
    return len(jobs) == _AT_ONCE


def _needs(session: Session, job: Job) -> FrozenInputs | None:
    """What a job needs; None for one whose row makes no sense, which fails by itself and stops no other."""
    try:
        demand_of(job)
        return FrozenInputs.load(job.inputs)
    except (ValueError, TypeError) as error:
        said = f"{error.error_count()} values are odd" if isinstance(error, ValidationError) else str(error)
        _log.error("job_row_unreadable", job=str(job.id), error=said)
        _end(session, job, Details.of_failure(Cause.INTERNAL, f"The job as stored cannot be read: {said}"))
        return None


def _file(session: Session, job: Job, found: Obstacle | None, fleet: Fleet) -> None:
    if found and found.failure:
        _end(session, job, found.failure)
    elif found:
        job.queue, job.blocked_by, job.waits_for = Queue.BLOCKED, found.identity, found.sentence
    else:
        demand = demand_of(job)
        job.queue, job.waits_for = Queue.READY, wait_for(demand)
        if fleet.trouble and demand.slot is not Slot.IO:
            job.waits_for = fleet.trouble
        elif not fleet.fits(demand):
            job.waits_for = f"Waits for another server: {fleet.lack(demand).sentence}"


def _end(session: Session, job: Job, failure: Details) -> None:
    job.details = failure.model_dump(mode="json")
    transition(session, job.id, Status.ERROR, failure.message)


class _Outlook:
    """What the database says at one moment of all that some jobs may wait for."""

    def __init__(self, session: Session, jobs: Iterable[Job], needs: Collection[FrozenInputs]) -> None:
        parents = select(Job.id, Job.status).where(Job.id.in_({job.parent_id for job in jobs}))
        locked = session.execute(parents.with_for_update(read=True))
        self._parents = {row[0]: row[1] for row in locked}
        wanted = {one.id for need in needs for one in need.datasets()}
        columns = (Dataset.id, Dataset.name, Dataset.revision, Dataset.status, Dataset.status_reason)
        datasets = select(*columns).where(Dataset.id.in_(wanted)).with_for_update(read=True)
        self._datasets = {row[0]: _Pulled(*row[1:]) for row in session.execute(datasets)}
        models = {one for need in needs for one in need.base_models}
        pulled = select(PulledModel).where(PulledModel.id.in_(models)).with_for_update(read=True)
        self._models = {one.id: one for one in session.scalars(pulled)}

    def obstacle(self, job: Job, needs: FrozenInputs) -> Obstacle | None:
        """What a job waits for but its slot; None for nothing."""
        if job.parent_id is not None:
            status = self._parents.get(job.parent_id)
            if status == Status.ERROR:
                return Obstacle.for_ever(Cause.PARENT, f"The parent job {job.parent_id} ended in an error.")
            if status not in TERMINAL:
                return Obstacle(f"Waits for the parent job {job.parent_id}, which is {status}", job.parent_id)
        if job.action in _PULLS:
            return None
        return self._dataset_obstacle(needs) or self._model_obstacle(needs.base_models)

    def _dataset_obstacle(self, needs: FrozenInputs) -> Obstacle | None:
        for wanted in needs.datasets():
            dataset = self._datasets.get(wanted.id)
            if dataset is None or dataset.revision != wanted.revision:
                continue  # pulled anew since the job was posted: the job has a copy of its own
            name = f"dataset {dataset.name} ({wanted.id})"
            if dataset.status == PullStatus.INVALID_PULL:
                reason = f"The {name} is not usable: {dataset.status_reason}"
                return Obstacle.for_ever(Cause.BAD_DATA, reason)
            if dataset.status != PullStatus.PULL_COMPLETE:
                return Obstacle(f"Waits for the {name} to be pulled", wanted.id)
        return None

    def _model_obstacle(self, wanted: Sequence[UUID]) -> Obstacle | None:
        for identity in wanted:
            sentence, in_vain = obstacle_of(self._models, [identity])
            if in_vain:
                return Obstacle.for_ever(Cause.STORAGE, sentence)
            if sentence:
                return Obstacle(sentence, identity)
        return None
