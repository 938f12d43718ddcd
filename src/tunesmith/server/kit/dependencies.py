"""What endpoints ask for, as types.

A session with scope="function" ends when the endpoint returns, before the reply is sent: a client that
reads after it wrote sees its write, and a commit that fails becomes an error reply.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from sqlalchemy.orm import Session

from tunesmith.server.auth import service
from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.disk import require_room
from tunesmith.server.kit.errors import UnauthorizedError
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.hint import Hint

_BEARER = HTTPBearer(scheme_name="bearer-token", bearerFormat="JWT", auto_error=False)

_BASIC = HTTPBasic(scheme_name="basic", auto_error=False)

BearerDep = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
"""What the request carries as Authorization: Bearer, if anything."""

BasicDep = Annotated[HTTPBasicCredentials | None, Depends(_BASIC)]
"""What the request carries as Authorization: Basic, if anything."""

OrgName = Annotated[str, Path(max_length=255, pattern="^[a-zA-Z0-9_-]+$")]


async def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


async def _database(request: Request) -> Database:
    found: Database = request.app.state.database
    return found


async def _vault(request: Request) -> Vault:
    found: Vault = request.app.state.vault
    return found


async def _hint(request: Request) -> Hint:
    found: Hint = request.app.state.hint
    return found


async def _signer(request: Request) -> TokenSigner:
    found: TokenSigner = request.app.state.signer
    return found


SettingsDep = Annotated[Settings, Depends(_settings)]
DatabaseDep = Annotated[Database, Depends(_database)]
VaultDep = Annotated[Vault, Depends(_vault)]
HintDep = Annotated[Hint, Depends(_hint)]
SignerDep = Annotated[TokenSigner, Depends(_signer)]


async def _reading(database: DatabaseDep) -> AsyncIterator[Session]:
    # Opening and closing wait for nothing: the first statement connects, and a reader has nothing to commit.
    with database.read() as session:
        yield session


def _relieving(database: DatabaseDep) -> Iterator[Session]:
    with database.write() as session:
        yield session


def _writing(database: DatabaseDep, settings: SettingsDep) -> Iterator[Session]:
    require_room(settings)
    with database.write() as session:
        yield session


ReadSession = Annotated[Session, Depends(_reading, scope="function")]
"""A session for a GET."""

WriteSession = Annotated[Session, Depends(_writing, scope="function")]
"""A session that commits before the reply is sent; refused while the disk is nearly full."""

RelievingSession = Annotated[Session, Depends(_relieving, scope="function")]
"""A session that commits, on a full disk too: for what deletes, stops or logs in."""


def _caller(
    org_name: OrgName,
    database: DatabaseDep,
    signer: SignerDep,
    bearer: BearerDep,
) -> Caller:
    if bearer is None:
        raise UnauthorizedError("Log in first, then send the header Authorization: Bearer <token>")
    claims = signer.read(bearer.credentials)
    with database.read() as session:
        caller = service.authenticate(session, claims)
    return service.authorize(caller, org_name)


CallerDep = Annotated[Caller, Depends(_caller)]
"""The logged-in user. Declare it first: whoever is not logged in learns nothing else."""
