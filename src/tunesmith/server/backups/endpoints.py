"""Endpoints of backups."""

from uuid import UUID

from fastapi import APIRouter

from tunesmith.server.backups.archive import MOST_BYTES, packed, unpacked
from tunesmith.server.backups.restoring import restored
from tunesmith.server.backups.saving import collected
from tunesmith.server.backups.schemas import BackupReq, Restored, Saved
from tunesmith.server.jobs.places import location_in
from tunesmith.server.kit.access import get_writable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.dependencies import CallerDep, DatabaseDep, SettingsDep, VaultDep
from tunesmith.server.kit.disk import require_room
from tunesmith.server.kit.errors import BadRequestError, NotFoundError, UnavailableError
from tunesmith.server.kit.ids import PathId
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.storage.errors import StorageError, StorageFileMissingError
from tunesmith.storage.files import Files

router = APIRouter(tags=["WORKSPACE"])

_FOLDER = "backups"


@router.post("/workspaces/{workspace_id}/backup")
def back_up(
    caller: CallerDep,
    workspace_id: PathId,
    database: DatabaseDep,
    vault: VaultDep,
    request: BackupReq | None = None,
) -> Saved:
    """Save what is known of your datasets, experiments and jobs of a workspace, in that workspace."""
    name = (request or BackupReq()).backup_file_name
    files = _files(database, caller, workspace_id, vault)
    with database.read() as session:
        content = collected(session, caller, workspace_id)
    try:
        files.write(name, packed(content))
    except StorageError as error:
        raise UnavailableError(f"The backup could not be written. {error}") from None
    shown = [row for row in content.rows["jobs"] if not row["internal"]]
    return Saved(
        backup_file_name=name,
        datasets=len(content.rows["datasets"]),
        experiments=len(content.rows["experiments"]),
        jobs=len(shown),
    )


@router.post("/workspaces/{workspace_id}/restore")
def restore(
    caller: CallerDep,
    workspace_id: PathId,
    database: DatabaseDep,
    vault: VaultDep,
    settings: SettingsDep,
    request: BackupReq | None = None,
) -> Restored:
    """Bring back what a backup holds and is no longer there. Doing it twice changes nothing."""
    require_room(settings)
    name = (request or BackupReq()).backup_file_name
    content = unpacked(_read(_files(database, caller, workspace_id, vault), name))
    with database.write() as session:
        return restored(session, caller, workspace_id, content, vault)


def _files(database: Database, caller: Caller, workspace_id: UUID, vault: Vault) -> Files:
    """The folder of backups. No transaction is open while it is read or written."""
    with database.read() as session:
        workspace = get_writable(session, Workspace, workspace_id, caller)
    return Files(location_in(workspace, _FOLDER), vault.open(workspace.sealed_secrets))


def _read(files: Files, name: str) -> bytes:
    try:
        if files.size(name) > MOST_BYTES:
            raise BadRequestError(f"The backup {name} has more than {MOST_BYTES} bytes; nothing was restored")
        return files.read(name)
    except StorageFileMissingError:
        raise NotFoundError(f"Backup {_FOLDER}/{name} not found in workspace") from None
    except StorageError as error:
        raise UnavailableError(f"The backup could not be read. {error}") from None
