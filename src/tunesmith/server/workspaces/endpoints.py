"""Endpoints of workspaces."""

from fastapi import APIRouter

from tunesmith.server.kit.bulk import BulkReply, bulk
from tunesmith.server.kit.dependencies import (
    CallerDep,
    DatabaseDep,
    ReadSession,
    RelievingSession,
    SettingsDep,
    VaultDep,
    WriteSession,
)
from tunesmith.server.kit.ids import PathId
from tunesmith.server.kit.pagination import PageDep
from tunesmith.server.kit.wire import NothingRsp
from tunesmith.server.workspaces import finding, service
from tunesmith.server.workspaces.finding import SearchQueryDep
from tunesmith.server.workspaces.repository import WorkspaceFilterDep
from tunesmith.server.workspaces.schemas import (
    DatasetPathsRsp,
    WorkspaceChange,
    WorkspaceIds,
    WorkspaceReq,
    WorkspaceRsp,
)

router = APIRouter(tags=["WORKSPACE"])

_ONE = "/workspaces/{workspace_id}"


@router.get("/workspaces")
def list_workspaces(
    caller: CallerDep, session: ReadSession, wanted: WorkspaceFilterDep, page: PageDep
) -> list[WorkspaceRsp]:
    """List workspaces."""
    return service.list_workspaces(session, caller, wanted, page)


@router.post("/workspaces")
def create_workspace(
    caller: CallerDep, request: WorkspaceReq, session: WriteSession, vault: VaultDep, settings: SettingsDep
) -> WorkspaceRsp:
    """Register a place in your storage. It is tried at once."""
    return service.create_workspace(session, caller, request, vault, settings)


@router.delete("/workspaces", response_model_exclude_none=True)
def delete_workspaces(caller: CallerDep, request: WorkspaceIds, session: RelievingSession) -> BulkReply:
    """Forget several workspaces; each has an outcome of its own."""
    return bulk(request.workspace_ids, lambda one: service.delete_workspace(session, caller, one))


@router.get(f"{_ONE}:get_datasets")
def get_datasets(
    caller: CallerDep, workspace_id: PathId, wanted: SearchQueryDep, database: DatabaseDep, vault: VaultDep
) -> DatasetPathsRsp:
    """Find the folders below `data/` that would make a dataset, by the names of their files."""
    return finding.find_datasets(database, vault, caller, workspace_id, wanted)


@router.get(_ONE)
def get_workspace(caller: CallerDep, workspace_id: PathId, session: ReadSession) -> WorkspaceRsp:
    """Get a workspace."""
    return service.get_workspace(session, caller, workspace_id)


@router.put(_ONE)
@router.patch(_ONE)
def update_workspace(
    caller: CallerDep,
    workspace_id: PathId,
    request: WorkspaceChange,
    database: DatabaseDep,
    session: WriteSession,
    vault: VaultDep,
    settings: SettingsDep,
) -> WorkspaceRsp:
    """Change the fields that the body names. A new store is tried at once."""
    move = service.plan_move(database, caller, workspace_id, request, vault, settings)
    return service.update_workspace(session, caller, workspace_id, request, move, vault)


@router.delete(_ONE)
def delete_workspace(
    caller: CallerDep, workspace_id: PathId, session: RelievingSession
) -> WorkspaceRsp | NothingRsp:
    """Forget a workspace. Its files stay."""
    gone = service.delete_workspace(session, caller, workspace_id)
    return gone or NothingRsp()
