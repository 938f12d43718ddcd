"""Queries on jobs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, select
from sqlalchemy.orm import Session

from tunesmith.server.jobs.details import MESSAGE_LIMIT, Position, clock
from tunesmith.server.jobs.schemas import JobSubset
from tunesmith.server.jobs.states import WAITING, Status, status_of
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.errors import NotFoundError
from tunesmith.server.kit.json_lists import IsJson
from tunesmith.specs import Action

_POSITION = {
    name: case((IsJson(Job.details), Job.details[name])).label(name) for name in Position.model_fields
}
"""What a job in short takes from its details, without the curves."""
MESSAGE = _POSITION["message"]
"""What a job's worker said last, or why the job failed."""


class Kind(StrEnum):
    """What a job belongs to."""

    EXPERIMENT = "experiment"
    DATASET = "dataset"

    def owns(self) -> ColumnElement[UUID | None]:
        """The column with its id."""
        return (Job.experiment_id if self is Kind.EXPERIMENT else Job.dataset_id).expression


@dataclass(frozen=True)
class Owner:
    """The experiment or dataset that jobs belong to."""

    kind: Kind
    id: UUID

    @property
    def condition(self) -> ColumnElement[bool]:
        """The jobs of this one; pulls are not shown."""
        return and_(self.kind.owns() == self.id, Job.internal.is_(False))


def jobs_of(owner: Owner) -> Select[Job]:
    """The jobs of an experiment or dataset."""
    return select(Job).where(owner.condition)


def get_job(session: Session, owner: Owner, job_id: UUID, *, lock: bool = False) -> Job:
    """A job of an experiment or dataset.

    Raises:
        NotFoundError: it has no such job, though another may.
    """
    query = jobs_of(owner).where(Job.id == job_id)
    job = session.scalar(query.with_for_update(key_share=True) if lock else query)
    if job is None:
        raise NotFoundError(f"Job {job_id} not found in {owner.kind} {owner.id}")
    return job


def subsets(session: Session, kind: Kind, ids: Iterable[UUID]) -> dict[UUID, dict[str, JobSubset]]:
    """The jobs of several experiments or datasets in short, newest last. One query, and no curves."""
    found: dict[UUID, dict[str, JobSubset]] = {}
    rows = session.execute(_in_short(kind), {"ids": list(ids)})
    for owner_id, job_id, name, status, action, waits_for, *values in rows:
        position = Position.load({key: value for key, value in zip(_POSITION, values, strict=True) if value})
        waits = waits_for and status in WAITING
        found.setdefault(owner_id, {})[str(job_id)] = JobSubset(
            name=name,
            status=status_of(status),
            action=Action(action),
            eta=clock(position.eta),
            epoch=position.epoch,
            max_epoch=position.max_epoch,
            detailed_status_message=(waits_for if waits else position.message)[:MESSAGE_LIMIT],
        )
    return found


@cache
def _in_short(kind: Kind) -> Select[Any]:
    """Every list asks this: the statement is built once."""
    return (
        select(kind.owns(), Job.id, Job.name, Job.status, Job.action, Job.waits_for, *_POSITION.values())
        .where(kind.owns().in_(bindparam("ids", expanding=True)), Job.internal.is_(False))
        .order_by(Job.created_on, Job.id)
    )


def unfinished(session: Session, owner: Owner, states: Sequence[Status]) -> Job | None:
    """A job that is in one of these states."""
    return session.scalar(jobs_of(owner).where(Job.status.in_(states)).limit(1))


def all_of(session: Session, owner: Owner) -> Sequence[Job]:
    """Every job, pulls too, to be removed."""
    return session.scalars(
        select(Job).where(owner.kind.owns() == owner.id).with_for_update(key_share=True)
    ).all()
