"""The states of a job and the one door through which they change."""

import socket
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from uuid import UUID

import structlog
from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from tunesmith.server.jobs.news import NEWS
from tunesmith.server.jobs.queue import release
from tunesmith.server.jobs.tables import Job, JobHistory, Queue
from tunesmith.server.kit.database import after_commit, now
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.json_lists import IsJson
from tunesmith.server.metrics.jobs import note_end, note_start

_CAUSE = case((IsJson(Job.details), Job.details["cause"])).label("cause")
"""Why a job failed, where its details tell."""
_LAST_CHANGE = select(func.max(JobHistory.at)).where(JobHistory.job_id == Job.id).correlate(Job)
SINCE = func.coalesce(_LAST_CHANGE.scalar_subquery(), Job.created_on)
"""Since when a job has been in its state."""

_log = structlog.get_logger()


class Status(StrEnum):
    """What a job is doing, in the API's words."""

    PENDING = "Pending"
    RUNNING = "Running"
    DONE = "Done"
    ERROR = "Error"
    CANCELING = "Canceling"
    CANCELED = "Canceled"
    PAUSING = "Pausing"
    PAUSED = "Paused"
    RESUMING = "Resuming"


TERMINAL = frozenset({Status.DONE, Status.ERROR, Status.CANCELED})
"""States that a job never leaves."""

ACTIVE = frozenset({Status.RUNNING, Status.CANCELING, Status.PAUSING})
"""States in which a worker may be at work."""

WAITING = frozenset({Status.PENDING, Status.RESUMING})
"""States in which a job waits to be run."""

LEGAL: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.CANCELED, Status.PAUSED, Status.ERROR}),
    Status.RUNNING: frozenset(
        {Status.DONE, Status.ERROR, Status.CANCELING, Status.PAUSING, Status.RUNNING, Status.PENDING}
    ),
    Status.CANCELING: frozenset({Status.CANCELED}),
    Status.PAUSING: frozenset({Status.PAUSED, Status.DONE, Status.ERROR, Status.CANCELING}),
    Status.PAUSED: frozenset({Status.RESUMING, Status.CANCELED}),
    Status.RESUMING: frozenset({Status.RUNNING, Status.CANCELED, Status.PAUSED, Status.ERROR}),
    Status.DONE: frozenset(),
    Status.ERROR: frozenset(),
    Status.CANCELED: frozenset(),
}
"""Where a job may go from each state. A worker that ends after a cancel was asked for is Canceled; a job
whose worker was lost is Running anew; one that found no room on a cluster is Pending again."""


def status_of(text: str) -> Status:
    """The state that a row tells; one that no version of this server writes shows as an error."""
    try:
        return Status(text)
    except ValueError:
        return Status.ERROR


class IllegalTransitionError(BadRequestError):
    """The job cannot go there from where it is."""

    def __init__(self, job_id: UUID, status: str, to: Status) -> None:
        self.status_found = status
        super().__init__(f"Job {job_id} is {status} and cannot become {to.value}")


def transition(session: Session, job_id: UUID, to: Status, reason: str, actor: str | None = None) -> Status:
    """Move a job to another state, with a row in its history. Returns the state it came from.

    The move is a compare-and-set: of two that race from one state, one wins and the other is refused.

    Args:
        session: of a transaction that writes; what is told to others is told after its commit.
        job_id: the job.
        to: the state to come.
        reason: a few words for people.
        actor: the user who wants it; None for this server itself.

    Raises:
        IllegalTransitionError: the table of legal moves does not hold this one, or another came first.
    """
    found, since = session.execute(select(Job.status, SINCE).where(Job.id == job_id)).one()
    if to not in LEGAL[Status(found)]:
        raise IllegalTransitionError(job_id, found, to)
    moment = now()
    moved = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.status == found)
        .values(_values(Status(found), to, moment))
        .returning(Job.action, Job.network, Job.created_on, Job.started_on, _CAUSE)
        .execution_options(synchronize_session="fetch")
    ).one_or_none()
    if moved is None:
        raise IllegalTransitionError(job_id, found, to)
    if to in TERMINAL:
        release(session, job_id)
    change = JobHistory(
        job_id=job_id,
        at=moment,
        from_status=found,
        to_status=to.value,
        reason=reason,
        actor=actor or this_server(),
    )
    session.add(change)
    action, network, posted, started, cause = moved
    after_commit(session, partial(_tell, change, action, network, (moment - since).total_seconds()))
    if to is Status.RUNNING and found == Status.PENDING:
        after_commit(session, partial(note_start, action, network, posted, moment))
    elif to in TERMINAL:
        after_commit(session, partial(note_end, action, network, to.value, cause or "", started, moment))
    return Status(found)


@cache
def this_server() -> str:
    """How a server is named where it acts by itself."""
    return f"server {socket.gethostname()}"


def _values(found: Status, to: Status, moment: datetime) -> dict[str, object]:
    values: dict[str, object] = {"status": to.value, "last_modified": moment, "waits_for": ""}
    values |= {"queue": Queue.NEW if to in WAITING else None, "blocked_by": None}
    if to is Status.RUNNING and found in WAITING:
        values["started_on"] = moment
    if to in TERMINAL or to is Status.PAUSED:
        values |= {"lease_owner": None, "lease_token": None}
    if to in TERMINAL:
        values["ended_on"] = moment
    return values


def _tell(change: JobHistory, action: str, network: str | None, seconds: float) -> None:
    """Whoever follows the job, and the server's log."""
    NEWS.tell(change.job_id)
    _log.info(
        "job_state",
        job=str(change.job_id),
        action=action,
        network=network,
        from_status=change.from_status,
        to_status=change.to_status,
        reason=change.reason,
        actor=change.actor,
        seconds=round(seconds, 3),
    )
