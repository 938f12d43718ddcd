"""The rules of workspaces."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from tunesmith.server.kit.access import get_readable, get_writable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import BadRequestError, ConflictError, NotFoundError
from tunesmith.server.kit.pagination import Page, fetch_page
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.kit.wire import CloudType
from tunesmith.server.workspaces import repository
from tunesmith.server.workspaces.details import Place, details_of, place_of
from tunesmith.server.workspaces.folders import overlap
from tunesmith.server.workspaces.schemas import WorkspaceChange, WorkspaceReq, WorkspaceRsp
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location


def create_workspace(
    session: Session, caller: Caller, request: WorkspaceReq, vault: Vault, settings: Settings
) -> WorkspaceRsp:
    """Register a store, once it has answered.

    Raises:
        BadRequestError: the store is not described in full, not allowed, or does not let us in.
    """
    identity = uuid4()
    place = place_of(request.cloud_type, request.cloud_specific_details, identity, settings)
    _probe(place)
    workspace = Workspace(
        id=identity,
        org_id=caller.org_id,
        user_id=caller.user_id,
        name=request.name,
        shared=request.shared,
        version=request.version,
        cloud_type=request.cloud_type.value,
    )
    _put(session, workspace, place, vault)
    session.add(workspace)
    session.flush()
    return WorkspaceRsp.model_validate(workspace)


def get_workspace(session: Session, caller: Caller, workspace_id: UUID) -> WorkspaceRsp:
    """One workspace.

    Raises:
        NotFoundError: the caller may see none of that id.
    """
    return WorkspaceRsp.model_validate(get_readable(session, Workspace, workspace_id, caller))


def list_workspaces(
    session: Session, caller: Caller, wanted: repository.WorkspaceFilter, page: Page
) -> list[WorkspaceRsp]:
    """The workspaces that the caller may see."""
    found = fetch_page(
        session, repository.listed(caller, wanted), Workspace, page, repository.count(caller, wanted)
    )
    return [WorkspaceRsp.model_validate(workspace) for workspace in found.rows]


@dataclass(frozen=True)
class Move:
    """Another store for a workspace, and the row from which it was worked out."""

    cloud_type: CloudType
    place: Place
    store_before: dict[str, Any]
    sealed_before: str | None


def plan_move(
    database: Database,
    caller: Caller,
    workspace_id: UUID,
    request: WorkspaceChange,
    vault: Vault,
    settings: Settings,
) -> Move | None:
    """The store that a change leads to, once it has answered; None if the change is not about it.

    Details that are not sent stay as they are, so that a key can be replaced alone. This is apart from
    the change itself because no transaction may wait for a store.

    Raises:
        NotFoundError: the caller owns no workspace of that id.
        BadRequestError: as when a workspace is created.
    """
    if request.cloud_type is None and request.cloud_specific_details is None:
        return None
    with database.read() as session:
        found = get_writable(session, Workspace, workspace_id, caller)
    cloud_type = request.cloud_type or CloudType(found.cloud_type)
    sent = request.cloud_specific_details or {}
    if not sent and cloud_type == found.cloud_type:
        return None
    details = _kept(found, cloud_type, sent, vault) | sent
    place = place_of(cloud_type, details, workspace_id, settings)
    _probe(place)
    return Move(cloud_type, place, found.store, found.sealed_secrets)


def update_workspace(
    session: Session,
    caller: Caller,
    workspace_id: UUID,
    request: WorkspaceChange,
    move: Move | None,
    vault: Vault,
) -> WorkspaceRsp:
    """Change what the request names.

    Raises:
        NotFoundError: the caller owns no workspace of that id.
        ConflictError: somebody else has changed the store meanwhile.
    """
    workspace = get_writable(session, Workspace, workspace_id, caller)
    for name in {"name", "shared", "version"} & request.model_fields_set:
        setattr(workspace, name, getattr(request, name))
    if move:
        if (workspace.store, workspace.sealed_secrets) != (move.store_before, move.sealed_before):
            raise ConflictError(f"Workspace {workspace_id} was changed meanwhile; look again and repeat")
        workspace.cloud_type = move.cloud_type.value
        _put(session, workspace, move.place, vault)
    session.flush()
    return WorkspaceRsp.model_validate(workspace)


def delete_workspace(session: Session, caller: Caller, workspace_id: UUID) -> WorkspaceRsp | None:
    """Forget a workspace; None if it is not there (any more). What lies in its storage stays.

    Raises:
        BadRequestError: an experiment uses it.
    """
    try:
        workspace = get_writable(session, Workspace, workspace_id, caller)
    except NotFoundError:
        return None
    if user := repository.experiment_using(session, workspace_id):
        raise BadRequestError(
            f"Workspace {workspace_id} is in use by experiment {user}; Delete experiment/dataset first"
        )
    gone = WorkspaceRsp.model_validate(workspace)
    repository.let_go_of_datasets(session, workspace_id)
    session.delete(workspace)
    session.flush()
    return gone


def _kept(found: Workspace, cloud_type: CloudType, sent: dict[str, Any], vault: Vault) -> dict[str, Any]:
    """The details that a change keeps: none of those of another kind of store."""
    store = Location.model_validate({"store": found.store}).store
    if cloud_type != found.cloud_type or ("path" in sent) != isinstance(store, FolderStore):
        return {}
    return details_of(cloud_type, store, vault.open(found.sealed_secrets))


def _put(session: Session, workspace: Workspace, place: Place, vault: Vault) -> None:
    """Keep the store, its secrets sealed. Organisations do not share folders: one could read the other's."""
    if isinstance(place.store, FolderStore):
        for other in repository.hosted_for_others(session, workspace.org_id):
            if "path" in other.store and overlap(place.store.path, Path(other.store["path"])):
                raise BadRequestError(
                    f"The folder {place.store.path} belongs to another organisation; choose another one"
                )
    workspace.store = place.store.model_dump(mode="json")
    workspace.sealed_secrets = vault.seal(place.secrets) if any(place.secrets.values()) else None


def _probe(place: Place) -> None:
    try:
        Files(Location(store=place.store), place.secrets).probe()
    except StorageError as error:
        raise BadRequestError(f"The workspace's storage cannot be used. {error}") from None
