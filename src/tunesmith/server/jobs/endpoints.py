"""Endpoints that post jobs and read them: written once, served below experiments and below datasets."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from tunesmith.server.jobs import callback_endpoints as callbacks
from tunesmith.server.jobs import control_endpoints as control
from tunesmith.server.jobs import log_endpoints as logs
from tunesmith.server.jobs import service
from tunesmith.server.jobs.checkpoints import epochs_of
from tunesmith.server.jobs.dependencies import LogPlaceDep, OwnerDep, OwnerId, OwnerIdDep, ResultsDep
from tunesmith.server.jobs.posting import post_job as post
from tunesmith.server.jobs.repository import Owner
from tunesmith.server.jobs.results import Selection
from tunesmith.server.jobs.schemas import AutoMLDetails, EpochNumbers, JobListRsp, JobReq, JobRsp
from tunesmith.server.kit.dependencies import (
    CallerDep,
    HintDep,
    ReadSession,
    SettingsDep,
    WriteSession,
)
from tunesmith.server.kit.downloads import DOWNLOAD_REPLIES, attachment
from tunesmith.server.kit.ids import PathId, parse_id
from tunesmith.server.kit.pagination import PageDep
from tunesmith.server.kit.wire import QueryText
from tunesmith.server.publishing import endpoints as publishing

_EVERY = frozenset({"all", "*"})

ReturnSpecs = Annotated[bool | None, Query(description="Whether to show the specs.")]


def _selection(
    file_lists: Annotated[
        list[QueryText] | None, Query(description="Names of files; may be repeated.")
    ] = None,
    best_model: Annotated[bool, Query(description="The best checkpoint.")] = False,
    latest_model: Annotated[bool, Query(description="The newest checkpoint.")] = False,
) -> Selection:
    return Selection(names=file_lists or (), best=best_model, latest=latest_model)


_shared = APIRouter()
_of_experiments = APIRouter()


@_shared.post("/jobs")
def post_job(
    caller: CallerDep,
    owner: OwnerDep,
    request: JobReq,
    session: WriteSession,
    settings: SettingsDep,
    hint: HintDep,
) -> UUID:
    """Run an action. The reply is the id of the job."""
    return post(session, caller, owner, request, settings, hint)


@_shared.get("/jobs", response_model_exclude_unset=True)
def list_jobs(
    caller: CallerDep,
    found: OwnerIdDep,
    session: ReadSession,
    page: PageDep,
    return_specs: ReturnSpecs = True,
) -> JobListRsp:
    """List the jobs of one, or with `all` in place of the id, of all that the caller may see."""
    kind, identity = found
    if identity in _EVERY:
        return service.list_all_jobs(session, caller, kind, page, specs=bool(return_specs))
    owner = Owner(kind, parse_id(identity))
    return service.list_jobs(session, caller, owner, page, specs=bool(return_specs))


@_shared.get("/jobs/{job_id}:list_files")
def list_files(results: ResultsDep) -> list[str]:
    """List the result files of a job."""
    return results.names


@_shared.head("/jobs/{job_id}:download", include_in_schema=False)
@_shared.get("/jobs/{job_id}:download", response_class=StreamingResponse, responses=DOWNLOAD_REPLIES)
def download(
    request: Request,
    results: ResultsDep,
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: ReadSession,
    place: LogPlaceDep,
) -> Response:
    """Download all result files of a job and its log as a tar.gz archive, or a range of its bytes."""
    log = service.find_log(session, caller, owner, job_id, place)
    return attachment(request, results.archive(log=log))


@_shared.head("/jobs/{job_id}:download_selective_files", include_in_schema=False)
@_shared.get(
    "/jobs/{job_id}:download_selective_files", response_class=StreamingResponse, responses=DOWNLOAD_REPLIES
)
def download_selective_files(
    request: Request,
    results: ResultsDep,
    wanted: Annotated[Selection, Depends(_selection)],
    tar_files: Annotated[bool, Query(description="Send an archive; a single file can come as it is.")] = True,
) -> Response:
    """Download some result files of a job, as a tar.gz archive or a single file as it is."""
    chosen = results.chosen(wanted)
    is_bare = len(chosen) == 1 and not tar_files
    return attachment(request, results.content(chosen[0]) if is_bare else results.archive(chosen))


@_shared.get("/jobs/{job_id}/schema")
def get_schema(caller: CallerDep, owner: OwnerDep, job_id: PathId, session: ReadSession) -> dict[str, Any]:
    """Get the schema of the specs of a job, with its own specs as the default."""
    return service.get_schema(session, caller, owner, job_id)


@_of_experiments.get("/jobs/{job_id}:get_epoch_numbers")
def get_epoch_numbers(results: ResultsDep) -> EpochNumbers:
    """List the epochs of which a training job kept a checkpoint."""
    return EpochNumbers(data=epochs_of(results.keys))


@_of_experiments.get("/jobs/{job_id}:automl_details")
def get_automl_details(
    caller: CallerDep, owner: OwnerDep, job_id: PathId, session: ReadSession
) -> AutoMLDetails:
    """Tell how far a search is; a job that is none has no experiments."""
    return service.get_automl_details(session, caller, owner, job_id)


@_shared.get("/jobs/{job_id}", response_model_exclude_unset=True)
def get_job(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: ReadSession,
    return_specs: ReturnSpecs = False,
) -> JobRsp:
    """Get a job."""
    return service.read_job(session, caller, owner, job_id, specs=bool(return_specs))


def _of_experiment(experiment_id: OwnerId) -> None:
    """Documents the path."""


def _of_dataset(dataset_id: OwnerId) -> None:
    """Documents the path."""


router = APIRouter()
router.include_router(control.of_many)
# What only experiments have comes first: /jobs/{job_id} takes every path that is left.
for _router in (
    control.of_experiments,
    publishing.of_experiments,
    _of_experiments,
    callbacks.router,
    control.shared,
    logs.router,
    _shared,
):
    router.include_router(
        _router,
        prefix="/experiments/{experiment_id}",
        tags=["EXPERIMENT"],
        dependencies=[Depends(_of_experiment)],
    )
for _router in (callbacks.router, control.shared, logs.router, _shared):
    router.include_router(
        _router, prefix="/datasets/{dataset_id}", tags=["DATASET"], dependencies=[Depends(_of_dataset)]
    )
