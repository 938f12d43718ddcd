"""Two people who change the store of one workspace at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import ConflictError
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.migrations import migrate
from tunesmith.server.tables import Org, User, Workspace
from tunesmith.server.workspaces import service
from tunesmith.server.workspaces.schemas import WorkspaceChange, WorkspaceReq


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'tunesmith.db'}")
    migrate(opened.engine)
    yield opened
    opened.dispose()


@pytest.fixture
def caller(database: Database) -> Caller:
    with database.write() as session:
        org = Org(name="acme")
        session.add(org)
        session.flush()
        user = User(org_id=org.id, name="ada")
        session.add(user)
        session.flush()
        return Caller(user.id, org.id, org.name, user.name)


def test_the_second_of_two_moves_is_refused_and_the_first_is_kept(
    database: Database, caller: Caller, tmp_path: Path
) -> None:
    vault, settings = Vault(Fernet.generate_key()), Settings(workspace_roots=(tmp_path,))

    def at(name: str) -> dict[str, object]:
        return {"cloud_type": "self_hosted", "cloud_specific_details": {"path": str(tmp_path / name)}}

    with database.write() as session:
        made = service.create_workspace(
            session, caller, WorkspaceReq.model_validate(at("first")), vault, settings
        )
    requests = [WorkspaceChange.model_validate(at(name)) for name in ("second", "third")]
    moves = [service.plan_move(database, caller, made.id, request, vault, settings) for request in requests]
    with database.write() as session:
        service.update_workspace(session, caller, made.id, requests[0], moves[0], vault)
    with pytest.raises(ConflictError, match="changed meanwhile"), database.write() as session:
        service.update_workspace(session, caller, made.id, requests[1], moves[1], vault)
    with database.read() as session:
        assert session.get_one(Workspace, made.id).store["path"] == str(tmp_path / "second")
