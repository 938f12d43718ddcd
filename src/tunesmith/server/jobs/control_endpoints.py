"""Endpoints that stop jobs, let them go on, run them again and forget them."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from tunesmith.server.jobs import control
from tunesmith.server.jobs.dependencies import OwnerDep
from tunesmith.server.jobs.repository import Kind, Owner
from tunesmith.server.jobs.schemas import DatasetIds, ExperimentIds, JobIds, JobResume
from tunesmith.server.kit.bulk import BulkReply, bulk
from tunesmith.server.kit.dependencies import (
    CallerDep,
    HintDep,
    RelievingSession,
    SettingsDep,
    WriteSession,
)
from tunesmith.server.kit.ids import PathId

shared = APIRouter()
of_experiments = APIRouter()
of_many = APIRouter()


@shared.post(":cancel_all_jobs")
def cancel_all_jobs(
    caller: CallerDep, owner: OwnerDep, session: RelievingSession, hint: HintDep
) -> dict[str, Any]:
    """Stop all jobs that wait or run."""
    control.cancel_all_jobs(session, caller, owner, hint)
    return {}


@shared.delete("/jobs", response_model_exclude_none=True)
def delete_jobs(
    caller: CallerDep,
    owner: OwnerDep,
    request: JobIds,
    session: RelievingSession,
    settings: SettingsDep,
    hint: HintDep,
) -> BulkReply:
    """Forget several jobs; each has an outcome of its own."""
    return bulk(request.job_ids, lambda one: control.delete_job(session, caller, owner, one, settings, hint))


@shared.post("/jobs/{job_id}:cancel")
def cancel_job(
    caller: CallerDep, owner: OwnerDep, job_id: PathId, session: RelievingSession, hint: HintDep
) -> dict[str, Any]:
    """Stop a job."""
    control.cancel_job(session, caller, owner, job_id, hint)
    return {}


@shared.post("/jobs/{job_id}:retry")
def retry_job(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: WriteSession,
    settings: SettingsDep,
    hint: HintDep,
) -> UUID:
    """Post a job again that failed or was cancelled. The reply is the id of the new one."""
    return control.retry_job(session, caller, owner, job_id, settings, hint)


@shared.delete("/jobs/{job_id}")
def delete_job(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: RelievingSession,
    settings: SettingsDep,
    hint: HintDep,
) -> dict[str, Any]:
    """Forget a job. Its results in the workspace stay."""
    control.delete_job(session, caller, owner, job_id, settings, hint)
    return {}


@of_experiments.post("/jobs/{job_id}:pause")
def pause_job(
    caller: CallerDep, owner: OwnerDep, job_id: PathId, session: RelievingSession, hint: HintDep
) -> dict[str, Any]:
    """Have a training stop where it is, to go on from there later."""
    control.pause_job(session, caller, owner, job_id, hint)
    return {}


@of_experiments.post("/jobs/{job_id}:resume")
def resume_job(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: WriteSession,
    hint: HintDep,
    request: JobResume | None = None,
) -> dict[str, Any]:
    """Have a paused training go on, with other lengths and intervals if wanted."""
    control.resume_job(session, caller, owner, job_id, request or JobResume(), hint)
    return {}


@of_many.post("/experiments:cancel_all_jobs", tags=["EXPERIMENT"], response_model_exclude_none=True)
def cancel_all_jobs_of_experiments(
    caller: CallerDep, request: ExperimentIds, session: RelievingSession, hint: HintDep
) -> BulkReply:
    """Stop all jobs of several experiments; each has an outcome of its own."""
    return bulk(
        request.experiment_ids,
        lambda one: control.cancel_all_jobs(session, caller, Owner(Kind.EXPERIMENT, one), hint),
    )


@of_many.post("/datasets:cancel_all_jobs", tags=["DATASET"], response_model_exclude_none=True)
def cancel_all_jobs_of_datasets(
    caller: CallerDep, request: DatasetIds, session: RelievingSession, hint: HintDep
) -> BulkReply:
    """Stop all jobs of several datasets; each has an outcome of its own."""
    return bulk(
        request.dataset_ids,
        lambda one: control.cancel_all_jobs(session, caller, Owner(Kind.DATASET, one), hint),
    )
