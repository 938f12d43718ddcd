"""Endpoints of datasets."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from tunesmith.server.datasets import rules, service
from tunesmith.server.datasets.repository import DatasetFilterDep
from tunesmith.server.datasets.schemas import DatasetFormats, DatasetListRsp, DatasetReq, DatasetRsp
from tunesmith.server.jobs.schemas import DatasetIds
from tunesmith.server.kit.bulk import BulkReply, bulk
from tunesmith.server.kit.dependencies import (
    CallerDep,
    HintDep,
    ReadSession,
    RelievingSession,
    SettingsDep,
    VaultDep,
    WriteSession,
)
from tunesmith.server.kit.ids import PathId
from tunesmith.server.kit.pagination import PageDep
from tunesmith.server.kit.wire import NothingRsp, QueryText

router = APIRouter(tags=["DATASET"])

_ONE = "/datasets/{dataset_id}"


@router.get("/datasets:get_formats")
@router.post("/datasets:get_formats")
def get_formats(
    _caller: CallerDep, dataset_type: Annotated[QueryText | None, Query()] = None
) -> DatasetFormats:
    """Tell the formats and uses of a dataset type, or of the datasets of a network."""
    return rules.formats_for(dataset_type)


@router.get("/datasets", response_model_exclude_unset=True)
def list_datasets(
    caller: CallerDep, session: ReadSession, wanted: DatasetFilterDep, page: PageDep
) -> DatasetListRsp:
    """List datasets."""
    return service.list_datasets(session, caller, wanted, page)


@router.post("/datasets", response_model_exclude_unset=True)
def create_dataset(
    caller: CallerDep,
    request: DatasetReq,
    session: WriteSession,
    vault: VaultDep,
    settings: SettingsDep,
    hint: HintDep,
) -> DatasetRsp:
    """Register a dataset; it is pulled and validated at once."""
    return service.create_dataset(session, caller, request, vault, settings, hint)


@router.delete("/datasets", response_model_exclude_none=True)
def delete_datasets(
    caller: CallerDep, request: DatasetIds, session: RelievingSession, settings: SettingsDep, hint: HintDep
) -> BulkReply:
    """Forget several datasets; each has an outcome of its own."""
    return bulk(request.dataset_ids, lambda one: service.delete_dataset(session, caller, one, settings, hint))


@router.get(_ONE, response_model_exclude_unset=True)
def get_dataset(caller: CallerDep, dataset_id: PathId, session: ReadSession) -> DatasetRsp:
    """Get a dataset."""
    return service.get_dataset(session, caller, dataset_id)


@router.put(_ONE, response_model_exclude_unset=True)
@router.patch(_ONE, response_model_exclude_unset=True)
def update_dataset(
    caller: CallerDep,
    dataset_id: PathId,
    request: DatasetReq,
    session: WriteSession,
    vault: VaultDep,
    settings: SettingsDep,
    hint: HintDep,
) -> DatasetRsp:
    """Change the fields that the body names."""
    return service.update_dataset(session, caller, dataset_id, request, vault, settings, hint)


@router.delete(_ONE, response_model_exclude_unset=True)
def delete_dataset(
    caller: CallerDep, dataset_id: PathId, session: RelievingSession, settings: SettingsDep, hint: HintDep
) -> DatasetRsp | NothingRsp:
    """Forget a dataset. Its files in the workspace stay."""
    gone = service.delete_dataset(session, caller, dataset_id, settings, hint)
    return gone or NothingRsp()


@router.get(f"{_ONE}/specs/{{action}}/schema")
def get_schema(caller: CallerDep, dataset_id: PathId, action: str, session: ReadSession) -> dict[str, Any]:
    """Get the schema of the specs of an action on a dataset."""
    return service.get_schema(session, caller, dataset_id, action)
