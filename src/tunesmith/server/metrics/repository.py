"""Counts of what the database holds: each is one query that an index answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.states import SINCE, WAITING
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


class Waiting(NamedTuple):
    """Jobs that wait for the same kind of slot in the same state, and since when the first of them does."""

    slot: str
    status: str
    jobs: int
    since: datetime


def waiting_jobs(session: Session) -> Sequence[Waiting]:
    """Jobs that wait, pulls of datasets too. One that is resumed waits since then."""
    kinds = (Job.slot, Job.status)
    query = select(*kinds, func.count(), func.min(SINCE)).where(Job.status.in_(WAITING)).group_by(*kinds)
    return [Waiting(*row) for row in session.execute(query)]


def count_datasets(session: Session) -> dict[str, int]:
    """Datasets by the status of their pull."""
    query = select(Dataset.status, func.count()).group_by(Dataset.status)
    return {row.status: row[1] for row in session.execute(query)}
