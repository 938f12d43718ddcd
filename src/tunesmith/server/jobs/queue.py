"""How far a waiting job has come on its way to a slot.

    new      nobody has looked yet what it waits for
    blocked  it waits for something that has an id: its parent, a dataset, weights
    ready    it waits for a slot

What a job waits for says so when it is there (`release`): nobody looks at blocked jobs over and over, and
a queue of ten thousand costs no more than one of ten.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session, aliased

from tunesmith.server.jobs.tables import Job, Queue

ROOM = UUID(int=1)
"""What jobs wait for that found no room on a cluster: there may be some whenever a job ends."""


class Place(NamedTuple):
    """The place of a job among those of its organisation that wait for the same kind of slot, from 1."""

    place: int
    length: int


def release(session: Session, identity: UUID) -> None:
    """What has this id is settled: let the jobs that wait for it be looked at again."""
    waiting = Job.blocked_by == identity, Job.queue == Queue.BLOCKED
    session.execute(
        update(Job)
        .where(*waiting)
        .values(queue=Queue.NEW, blocked_by=None)
        .execution_options(synchronize_session=False)
    )


def release_all(session: Session) -> None:
    """Let all waiting jobs be looked at again: in case that something was settled and said nothing."""
    session.execute(
        update(Job)
        .where(Job.queue == Queue.BLOCKED)
        .values(queue=Queue.NEW, blocked_by=None)
        .execution_options(synchronize_session=False)
    )


def look_again(session: Session) -> None:
    """Let the jobs that wait for a slot be looked at again: what they can hope for has changed."""
    session.execute(
        update(Job)
        .where(Job.queue == Queue.READY)
        .values(queue=Queue.NEW)
        .execution_options(synchronize_session=False)
    )


def places(session: Session, jobs: Iterable[Job]) -> dict[UUID, Place]:
    """The places of those jobs that wait for nothing but a slot. No query if there are none."""
    ids = [job.id for job in jobs if job.queue == Queue.READY]
    if not ids:
        return {}
    other = aliased(Job)
    alike = and_(other.queue == Queue.READY, other.org_id == Job.org_id, other.slot == Job.slot)
    before = func.count().filter(other.created_on <= Job.created_on)
    query = select(Job.id, before, func.count()).join(other, alike).where(Job.id.in_(ids)).group_by(Job.id)
    return {job_id: Place(place, length) for job_id, place, length in session.execute(query)}
