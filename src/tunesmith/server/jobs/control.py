"""Stops jobs, lets them go on, runs them again, forgets them."""

from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.posting import post_job
from tunesmith.server.jobs.reach import get_owner, own_job
from tunesmith.server.jobs.removal import remove_jobs
from tunesmith.server.jobs.repository import Owner, jobs_of
from tunesmith.server.jobs.resuming import resumed_specs
from tunesmith.server.jobs.schemas import JobReq, JobResume
from tunesmith.server.jobs.states import WAITING, Status, transition
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import LOCK, after_commit
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.hint import Hint
from tunesmith.specs import Action

PAUSABLE = (Action.TRAIN, Action.DISTILL, Action.RETRAIN)
"""Actions that leave a checkpoint to go on from."""

_CANCELABLE = (*WAITING, Status.RUNNING)
_RETRIABLE = (Status.ERROR, Status.CANCELED)
_NAME_LIMIT = 500
_RETRY = " Retry"


def cancel_job(session: Session, caller: Caller, owner: Owner, job_id: UUID, hint: Hint) -> None:
    """Stop a job: at once if it waits, and else as soon as its worker has ended. Twice does no harm.

    Raises:
        BadRequestError: it has ended already, or is paused.
        NotFoundError: the caller owns no such job there.
    """
    job = own_job(session, caller, owner, job_id)
    if job.status in {Status.CANCELING, Status.CANCELED}:
        return
    if job.status not in _CANCELABLE:
        raise BadRequestError(f"Job {job_id} is {job.status}: only jobs that wait or run can be cancelled")
    _cancel(session, job, caller)
    after_commit(session, hint.wake)


def cancel_all_jobs(session: Session, caller: Caller, owner: Owner, hint: Hint) -> None:
    """Stop every job that waits or runs. An experiment shows how far that is as all_jobs_cancel_status.

    Raises:
        NotFoundError: the caller owns no such experiment or dataset.
    """
    owning = get_owner(session, caller, owner)
    waiting_or_running = jobs_of(owner).where(Job.status.in_(_CANCELABLE)).order_by(Job.created_on)
    for job in session.scalars(waiting_or_running.with_for_update(key_share=True)).all():
        _cancel(session, job, caller)
    if isinstance(owning, Experiment):
        session.refresh(owning, with_for_update=LOCK)
        owning.echoed = owning.echoed | {"all_jobs_cancel_status": Status.CANCELED.value}
    after_commit(session, hint.wake)


def pause_job(session: Session, caller: Caller, owner: Owner, job_id: UUID, hint: Hint) -> None:
    """Have a training stop where it is, to go on from there later.

    Raises:
        BadRequestError: it neither waits nor runs.
        NotFoundError: the caller owns no such job there, or it is no training.
    """
    job = own_job(session, caller, owner, job_id)
    if job.action not in PAUSABLE:
        raise NotFoundError(
            f"Only train or retrain jobs can be paused: job {job_id} is of {job.action}; cancel it instead"
        )
    match job.status:
        case Status.PENDING | Status.RESUMING:
            transition(session, job.id, Status.PAUSED, "paused on request", caller.user_name)
        case Status.RUNNING:
            transition(session, job.id, Status.PAUSING, "paused on request", caller.user_name)
        case status:
            raise BadRequestError(f"Job {job_id} is {status}: only jobs that wait or run can be paused")
    after_commit(session, hint.wake)


def resume_job(
    session: Session, caller: Caller, owner: Owner, job_id: UUID, change: JobResume, hint: Hint
) -> None:
    """Have a paused job go on where it stopped, as soon as a slot is free.

    Raises:
        BadRequestError: it is not paused, or what the change names may not change.
        NotFoundError: the caller owns no such job there.
    """
    job = own_job(session, caller, owner, job_id)
    if job.status != Status.PAUSED or job.action not in PAUSABLE:
        raise BadRequestError(f"Job status should be paused, not {job.status}")
    if change.parent_job_id not in {None, job.parent_id}:
        raise BadRequestError(
            f"parent_job_id: cannot change from {job.parent_id} to {change.parent_job_id}; leave it out, or "
            "post a new job"
        )
    if change.specs:
        job.specs = resumed_specs(job, change.specs)
    transition(session, job.id, Status.RESUMING, "resumed on request", caller.user_name)
    job.waits_for = "Waits for the scheduler"
    after_commit(session, hint.wake)


def retry_job(
    session: Session, caller: Caller, owner: Owner, job_id: UUID, settings: Settings, hint: Hint
) -> UUID:
    """Post a job again that failed or was cancelled, on the data as it is now. Returns the new one's id.

    Raises:
        BadRequestError: it has not ended so, or could not run now either.
        NotFoundError: the caller owns no such job there.
    """
    job = own_job(session, caller, owner, job_id)
    if job.status not in _RETRIABLE:
        raise BadRequestError(f"Unable to retry job with {job.status} status")
    name = f"{job.name[: _NAME_LIMIT - len(_RETRY)]}{_RETRY}".strip()
    return post_job(session, caller, owner, again(job, name, job.parent_id), settings, hint)


def again(job: Job, name: str, parent_id: UUID | None) -> JobReq:
    """The request that would post a job of the same specs."""
    return JobReq(
        action=Action(job.action),
        parent_job_id=parent_id,
        name=name,
        description=job.description,
        specs=job.specs,
        platform_id=job.platform_id,
    )


def delete_job(
    session: Session, caller: Caller, owner: Owner, job_id: UUID, settings: Settings, hint: Hint
) -> None:
    """Forget a job and its log. Its results in the workspace stay.

    Raises:
        BadRequestError: it waits or runs.
        NotFoundError: the caller owns no such job there.
    """
    job = own_job(session, caller, owner, job_id)
    if job.status in {Status.PENDING, Status.RUNNING}:
        raise BadRequestError(f"job cannot be deleted: {job_id} is {job.status}; cancel it first")
    remove_jobs(session, [job], settings)
    after_commit(session, hint.wake)


def _cancel(session: Session, job: Job, caller: Caller) -> None:
    to = Status.CANCELING if job.status == Status.RUNNING else Status.CANCELED
    transition(session, job.id, to, "cancelled on request", caller.user_name)
