"""What clients read of jobs, the same for those of experiments and of datasets."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tunesmith.networks import networks
from tunesmith.networks.dataset_actions import dataset_actions
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.logs import Log, LogPlace
from tunesmith.server.jobs.places import results_key, results_of
from tunesmith.server.jobs.reach import check_readable, visible_job
from tunesmith.server.jobs.replies import goal_of, replies_to
from tunesmith.server.jobs.repository import Kind, Owner, jobs_of
from tunesmith.server.jobs.results import Results
from tunesmith.server.jobs.schemas import AutoMLDetails, JobListRsp, JobRsp
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit import access
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import NotFoundError
from tunesmith.server.kit.pagination import Page, fetch_page
from tunesmith.server.kit.secrets import Vault
from tunesmith.specs import Action, action_schema

_NO_LOG = "Logs for the job are not available yet"


def list_jobs(session: Session, caller: Caller, owner: Owner, page: Page, *, specs: bool) -> JobListRsp:
    """The jobs of an experiment or dataset.

    Raises:
        NotFoundError: the caller may see no such experiment or dataset.
    """
    check_readable(session, caller, owner)
    found = fetch_page(session, jobs_of(owner), Job, page)
    jobs = replies_to(session, found.rows, specs=specs)
    return JobListRsp(jobs=jobs, pagination_info=found.info) if found.info else JobListRsp(jobs=jobs)


def list_all_jobs(session: Session, caller: Caller, kind: Kind, page: Page, *, specs: bool) -> JobListRsp:
    """The jobs of all experiments or datasets that the caller may see."""
    table = Experiment if kind is Kind.EXPERIMENT else Dataset
    visible = select(table.id).where(access.at_home(table, caller))
    shown: tuple[ColumnElement[bool], ...] = (kind.owns().in_(visible), Job.internal.is_(False))
    found = fetch_page(session, select(Job).where(*shown), Job, page)
    jobs = replies_to(session, found.rows, specs=specs)
    return JobListRsp(jobs=jobs, pagination_info=found.info) if found.info else JobListRsp(jobs=jobs)


def read_job(session: Session, caller: Caller, owner: Owner, job_id: UUID, *, specs: bool) -> JobRsp:
    """One job.

    Raises:
        NotFoundError: the caller may see no such job there.
    """
    (reply,) = replies_to(session, [visible_job(session, caller, owner, job_id)], specs=specs)
    return reply


def get_schema(session: Session, caller: Caller, owner: Owner, job_id: UUID) -> dict[str, Any]:
    """The schema of a job's specs, with what the job runs with as the default.

    Raises:
        NotFoundError: the caller may see no such job there, or its action has no specs here.
    """
    job = visible_job(session, caller, owner, job_id)
    if job.dataset_id and (dataset := session.get(Dataset, job.dataset_id)):
        known = dataset_actions(dataset.type, dataset.format).get(job.action)
        if known:
            return action_schema(known.spec, known.section, job.specs)
    network = networks().get(job.network or "")
    if network is None or job.action not in network.actions:
        raise NotFoundError(f"The specs of {job.action} have no schema on this server")
    return action_schema(network.spec, Action(job.action), job.specs)


def get_log(session: Session, caller: Caller, owner: Owner, job_id: UUID, place: LogPlace) -> Log | str:
    """The log of a job; before it has one, what it waits for.

    Raises:
        NotFoundError: the caller may see no such job there, or it ended without a log.
    """
    job = visible_job(session, caller, owner, job_id)
    if log := place.find(session, job):
        return log
    message = Details.load(job.details).message or job.waits_for
    if not message:
        raise NotFoundError(f"{_NO_LOG}.")
    return f"{_NO_LOG}. {message}\n"


def check_trial(job_id: UUID, trial: int | None) -> None:
    """Refuse to show the log of a trial.

    Raises:
        NotFoundError: one is asked for, and the job is no search.
    """
    if trial is not None:
        raise NotFoundError(
            f"Job {job_id} is no search and has no experiment {trial}: leave automl_experiment_index out"
        )


def find_log(session: Session, caller: Caller, owner: Owner, job_id: UUID, place: LogPlace) -> Log | None:
    """The log of a job for its download, if it has one.

    Raises:
        NotFoundError: the caller may see no such job there.
    """
    return place.find(session, visible_job(session, caller, owner, job_id))


def get_results(session: Session, caller: Caller, owner: Owner, job_id: UUID, vault: Vault) -> Results:
    """The result files of a job.

    Raises:
        NotFoundError: the caller may see no such job there, or its workspace is gone.
        UnavailableError: the workspace cannot be listed.
    """
    job = visible_job(session, caller, owner, job_id)
    return Results(job.id, results_of(session, vault, job), results_key(job))


def get_automl_details(session: Session, caller: Caller, owner: Owner, job_id: UUID) -> AutoMLDetails:
    """How far a search is; a job that is none has no experiments.

    Raises:
        NotFoundError: the caller may see no such job there.
    """
    job = visible_job(session, caller, owner, job_id)
    return AutoMLDetails(metric=goal_of(job))
