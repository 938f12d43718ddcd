"""Counts of what the database holds: each is one query that an index answers."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.states import WAITING
from tunesmith.server.jobs.tables import Job


class JobCount(NamedTuple):
    """How many jobs are alike."""

    status: str
    action: str
    network: str | None
    jobs: int


def count_jobs(session: Session) -> Sequence[JobCount]:
    """Jobs by status, action and network; those that clients do not see are left out."""
    kinds = (Job.status, Job.action, Job.network)
    query = select(*kinds, func.count()).where(Job.internal.is_(False)).group_by(*kinds)
    return [JobCount(*row) for row in session.execute(query)]


def queue_lengths(session: Session) -> dict[str, int]:
    """Jobs that wait, pulls of datasets too, by the kind of slot that they will take."""
    query = select(Job.slot, func.count()).where(Job.status.in_(WAITING)).group_by(Job.slot)
    return _by_name(session, query)


def count_datasets(session: Session) -> dict[str, int]:
    """Datasets by the status of their pull."""
    return _by_name(session, select(Dataset.status, func.count()).group_by(Dataset.status))


def _by_name(session: Session, query: Select[str, int]) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(query)}
