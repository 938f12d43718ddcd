"""Endpoints of jobs: written once, served below experiments and below datasets."""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from tunesmith.protocol import JobFolder
from tunesmith.server.jobs import service
from tunesmith.server.jobs.logs import Log, log_of
from tunesmith.server.jobs.repository import Kind, Owner
from tunesmith.server.jobs.results import Selection
from tunesmith.server.jobs.schemas import EpochNumbers, JobListRsp, JobReq, JobRsp
from tunesmith.server.kit.dependencies import (
    CallerDep,
    HintDep,
    ReadSession,
    RelievingSession,
    SettingsDep,
    VaultDep,
    WriteSession,
)
from tunesmith.server.kit.ids import PathId, parse_id
from tunesmith.server.kit.pagination import PageDep
from tunesmith.server.kit.platform import Machine, this_machine
from tunesmith.server.kit.wire import QueryText

_EVERY = frozenset({"all", "*"})
_BINARY = "application/octet-stream"
_FILE_REPLY: dict[int | str, dict[str, Any]] = {
    200: {"content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}}
}
_LOG_REPLY: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}

MachineDep = Annotated[Machine, Depends(this_machine)]
ReturnSpecs = Annotated[bool | None, Query(description="Whether to show the specs.")]
_OwnerId = Annotated[str, Path(max_length=36, json_schema_extra={"format": "uuid"})]


def _owner_id(request: Request) -> tuple[Kind, str]:
    """The path names an experiment or a dataset: that is all that tells the two apart."""
    for kind in Kind:
        if found := request.path_params.get(f"{kind}_id"):
            return kind, found
    raise AssertionError("jobs are served below experiments and datasets alone")


def _owner(found: Annotated[tuple[Kind, str], Depends(_owner_id)]) -> Owner:
    kind, identity = found
    return Owner(kind, parse_id(identity))


def _selection(
    file_lists: Annotated[
        list[QueryText] | None, Query(description="Names of files; may be repeated.")
    ] = None,
    best_model: Annotated[bool, Query(description="The best checkpoint.")] = False,
    latest_model: Annotated[bool, Query(description="The newest checkpoint.")] = False,
) -> Selection:
    return Selection(names=file_lists or (), best=best_model, latest=latest_model)


OwnerDep = Annotated[Owner, Depends(_owner)]

_shared = APIRouter()
_of_experiments = APIRouter()


@_shared.post("/jobs")
def post_job(
    caller: CallerDep,
    owner: OwnerDep,
    request: JobReq,
    session: WriteSession,
    machine: MachineDep,
    hint: HintDep,
) -> UUID:
    """Run an action. The reply is the id of the job."""
    return service.post_job(session, caller, owner, request, machine, hint)


@_shared.get("/jobs", response_model_exclude_unset=True)
def list_jobs(
    caller: CallerDep,
    found: Annotated[tuple[Kind, str], Depends(_owner_id)],
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


@_shared.post("/jobs/{job_id}:cancel")
def cancel_job(
    caller: CallerDep, owner: OwnerDep, job_id: PathId, session: RelievingSession, hint: HintDep
) -> dict[str, Any]:
    """Stop a job."""
    service.cancel_job(session, caller, owner, job_id, hint)
    return {}


@_shared.get("/jobs/{job_id}:list_files")
def list_files(
    caller: CallerDep, owner: OwnerDep, job_id: PathId, session: ReadSession, vault: VaultDep
) -> list[str]:
    """List the result files of a job."""
    return service.get_results(session, caller, owner, job_id, vault).names


@_shared.get("/jobs/{job_id}:download", response_class=StreamingResponse, responses=_FILE_REPLY)
def download(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: ReadSession,
    vault: VaultDep,
    settings: SettingsDep,
) -> Response:
    """Download all result files of a job and its log as a tar.gz archive."""
    results = service.get_results(session, caller, owner, job_id, vault)
    log = log_of(JobFolder(settings.jobs_dir / str(job_id)))
    return _attachment(results.archive(log=log), f"{job_id}.tar.gz")


@_shared.get(
    "/jobs/{job_id}:download_selective_files", response_class=StreamingResponse, responses=_FILE_REPLY
)
def download_selective_files(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: ReadSession,
    vault: VaultDep,
    wanted: Annotated[Selection, Depends(_selection)],
    tar_files: Annotated[bool, Query(description="Send an archive; a single file can come as it is.")] = True,
) -> Response:
    """Download some result files of a job, as a tar.gz archive or a single file as it is."""
    results = service.get_results(session, caller, owner, job_id, vault)
    chosen = results.chosen(wanted)
    if len(chosen) == 1 and not tar_files:
        return _attachment(results.content(chosen[0]), chosen[0].key.rsplit("/", maxsplit=1)[-1])
    return _attachment(results.archive(chosen), f"{job_id}.tar.gz")


@_shared.get("/jobs/{job_id}/logs", response_class=PlainTextResponse, responses=_LOG_REPLY)
def get_log(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: ReadSession,
    settings: SettingsDep,
    automl_experiment_index: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,  # noqa: ARG001 - of searches
) -> Response:
    """Read the log of a job as far as it has been written."""
    found = service.get_log(session, caller, owner, job_id, settings)
    if isinstance(found, Log):
        return StreamingResponse(found.read(), media_type="text/plain")
    return PlainTextResponse(found)


@_shared.get("/jobs/{job_id}/schema")
def get_schema(caller: CallerDep, owner: OwnerDep, job_id: PathId, session: ReadSession) -> dict[str, Any]:
    """Get the schema of the specs of a job, with its own specs as the default."""
    return service.get_schema(session, caller, owner, job_id)


@_of_experiments.get("/jobs/{job_id}:get_epoch_numbers")
def get_epoch_numbers(
    caller: CallerDep, owner: OwnerDep, job_id: PathId, session: ReadSession, vault: VaultDep
) -> EpochNumbers:
    """List the epochs of which a training job kept a checkpoint."""
    return service.get_epoch_numbers(session, caller, owner, job_id, vault)


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


@_shared.delete("/jobs/{job_id}")
def delete_job(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    session: RelievingSession,
    settings: SettingsDep,
    hint: HintDep,
) -> dict[str, Any]:
    """Forget a job. Its results in the workspace stay."""
    service.delete_job(session, caller, owner, job_id, settings, hint)
    return {}


def _attachment(content: Iterator[bytes], name: str) -> StreamingResponse:
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}
    return StreamingResponse(content, media_type=_BINARY, headers=headers)


def _of_experiment(experiment_id: _OwnerId) -> None:
    """Documents the path."""


def _of_dataset(dataset_id: _OwnerId) -> None:
    """Documents the path."""


router = APIRouter()
# What only experiments have comes first: /jobs/{job_id} takes every path that is left.
for _router in (_of_experiments, _shared):
    router.include_router(
        _router,
        prefix="/experiments/{experiment_id}",
        tags=["EXPERIMENT"],
        dependencies=[Depends(_of_experiment)],
    )
router.include_router(
    _shared, prefix="/datasets/{dataset_id}", tags=["DATASET"], dependencies=[Depends(_of_dataset)]
)
