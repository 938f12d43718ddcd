"""The rules of jobs, the same for those of experiments and of datasets."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tunesmith.networks import get_network
from tunesmith.protocol import JobFolder
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments import repository as experiments
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.checkpoints import epochs_of
from tunesmith.server.jobs.logs import Log, log_of
from tunesmith.server.jobs.places import results_of
from tunesmith.server.jobs.posting import post_experiment_job
from tunesmith.server.jobs.removal import remove_jobs
from tunesmith.server.jobs.replies import reply_to
from tunesmith.server.jobs.repository import Kind, Owner, get_job, jobs_of
from tunesmith.server.jobs.results import Results
from tunesmith.server.jobs.schemas import EpochNumbers, JobListRsp, JobReq, JobRsp
from tunesmith.server.jobs.states import Status, transition
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit import access
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import after_commit
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.server.kit.pagination import Page, fetch_page
from tunesmith.server.kit.platform import Machine
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.hint import Hint
from tunesmith.specs import Action, action_schema

_NO_LOG = "Logs for the job are not available yet"


def post_job(
    session: Session, caller: Caller, owner: Owner, request: JobReq, machine: Machine, hint: Hint
) -> UUID:
    """Accept a job. Returns its id.

    Raises:
        BadRequestError: it could never run; the message says why and what to do.
        NotFoundError: there is no such experiment or dataset, action or parent.
    """
    if owner.kind is Kind.EXPERIMENT:
        experiment = access.get_writable(session, Experiment, owner.id, caller)
        return post_experiment_job(session, caller, experiment, request, machine, hint)
    dataset = access.get_writable(session, Dataset, owner.id, caller)
    raise NotFoundError(
        f"Action {request.action} requested not in the actions of datasets of type {dataset.type}: "
        "there are none on this server"
    )


def list_jobs(session: Session, caller: Caller, owner: Owner, page: Page, *, specs: bool) -> JobListRsp:
    """The jobs of an experiment or dataset.

    Raises:
        NotFoundError: the caller may see no such experiment or dataset.
    """
    check_readable(session, caller, owner)
    found = fetch_page(session, jobs_of(owner), Job, page)
    jobs = [reply_to(job, specs=specs) for job in found.rows]
    return JobListRsp(jobs=jobs, pagination_info=found.info) if found.info else JobListRsp(jobs=jobs)


def list_all_jobs(session: Session, caller: Caller, kind: Kind, page: Page, *, specs: bool) -> JobListRsp:
    """The jobs of all experiments or datasets that the caller may see."""
    table = Experiment if kind is Kind.EXPERIMENT else Dataset
    visible = select(table.id).where(access.readable(table, caller))
    shown: tuple[ColumnElement[bool], ...] = (kind.owns().in_(visible), Job.internal.is_(False))
    found = fetch_page(session, select(Job).where(*shown), Job, page)
    jobs = [reply_to(job, specs=specs) for job in found.rows]
    return JobListRsp(jobs=jobs, pagination_info=found.info) if found.info else JobListRsp(jobs=jobs)


def read_job(session: Session, caller: Caller, owner: Owner, job_id: UUID, *, specs: bool) -> JobRsp:
    """One job.

    Raises:
        NotFoundError: the caller may see no such job there.
    """
    return reply_to(visible_job(session, caller, owner, job_id), specs=specs)


def cancel_job(session: Session, caller: Caller, owner: Owner, job_id: UUID, hint: Hint) -> None:
    """Stop a job: at once if it waits, and else as soon as its worker has ended. Twice does no harm.

    Raises:
        BadRequestError: it has ended already, or is paused.
        NotFoundError: the caller owns no such job there.
    """
    check_writable(session, caller, owner)
    job = get_job(session, owner, job_id, lock=True)
    reason = f"cancelled by {caller.user_name}"
    match job.status:
        case Status.PENDING | Status.RESUMING:
            transition(session, job.id, Status.CANCELED, reason)
        case Status.RUNNING:
            transition(session, job.id, Status.CANCELING, reason)
        case Status.CANCELING | Status.CANCELED:
            return
        case status:
            raise BadRequestError(f"Job {job_id} is {status}: only jobs that wait or run can be cancelled")
    after_commit(session, hint.wake)


def delete_job(
    session: Session, caller: Caller, owner: Owner, job_id: UUID, settings: Settings, hint: Hint
) -> None:
    """Forget a job and its log. Its results in the workspace stay.

    Raises:
        BadRequestError: it waits or runs.
        NotFoundError: the caller owns no such job there.
    """
    check_writable(session, caller, owner)
    job = get_job(session, owner, job_id, lock=True)
    if job.status in {Status.PENDING, Status.RUNNING}:
        raise BadRequestError(f"job cannot be deleted: {job_id} is {job.status}; cancel it first")
    remove_jobs(session, [job], settings.jobs_dir)
    after_commit(session, hint.wake)


def get_schema(session: Session, caller: Caller, owner: Owner, job_id: UUID) -> dict[str, Any]:
    """The schema of a job's specs, with what the job runs with as the default.

    Raises:
        NotFoundError: the caller may see no such job there.
    """
    job = visible_job(session, caller, owner, job_id)
    return action_schema(get_network(job.network or "").spec, Action(job.action), job.specs)


def get_log(session: Session, caller: Caller, owner: Owner, job_id: UUID, settings: Settings) -> Log | str:
    """The log of a job; before it has one, what it waits for.

    Raises:
        NotFoundError: the caller may see no such job there, or it ended without a log.
    """
    job = visible_job(session, caller, owner, job_id)
    if log := log_of(JobFolder(settings.jobs_dir / str(job.id))):
        return log
    message = job.details.get("message") or job.waits_for
    if not message:
        raise NotFoundError(f"{_NO_LOG}.")
    return f"{_NO_LOG}. {message}\n"


def get_results(session: Session, caller: Caller, owner: Owner, job_id: UUID, vault: Vault) -> Results:
    """The result files of a job.

    Raises:
        NotFoundError: the caller may see no such job there, or its workspace is gone.
        UnavailableError: the workspace cannot be listed.
    """
    job = visible_job(session, caller, owner, job_id)
    return Results(job.id, results_of(session, vault, job))


def get_epoch_numbers(
    session: Session, caller: Caller, owner: Owner, job_id: UUID, vault: Vault
) -> EpochNumbers:
    """The epochs whose checkpoints a job has kept."""
    return EpochNumbers(data=epochs_of(get_results(session, caller, owner, job_id, vault).keys))


def visible_job(session: Session, caller: Caller, owner: Owner, job_id: UUID) -> Job:
    """A job that the caller may see.

    Raises:
        NotFoundError: there is none there.
    """
    check_readable(session, caller, owner)
    return get_job(session, owner, job_id)


def check_readable(session: Session, caller: Caller, owner: Owner) -> None:
    """Refuse a caller who may not see the experiment or dataset.

    Raises:
        NotFoundError: there is none for this caller.
    """
    if owner.kind is Kind.EXPERIMENT:
        experiments.get_readable(session, owner.id, caller)
    else:
        access.get_readable(session, Dataset, owner.id, caller)


def check_writable(session: Session, caller: Caller, owner: Owner) -> None:
    """Refuse a caller who does not own the experiment or dataset.

    Raises:
        NotFoundError: there is none of this caller's.
    """
    if owner.kind is Kind.EXPERIMENT:
        access.get_writable(session, Experiment, owner.id, caller)
    else:
        access.get_writable(session, Dataset, owner.id, caller)
