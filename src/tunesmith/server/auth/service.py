"""Rules of logging in."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from tunesmith.server.auth import keys, repository
from tunesmith.server.auth.repository import Identity
from tunesmith.server.auth.tokens import Claims, TokenSigner
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import ForbiddenError, UnauthorizedError


def log_in(database: Database, key: str, org_name: str) -> Identity:
    """The owner of a key, within the organisation that it is for.

    Raises:
        UnauthorizedError: the key is unknown, revoked, or of another organisation. Which of these it is
            stays untold, so that nobody learns the names of organisations.
    """
    with database.read() as session:
        found = repository.by_digest(session, keys.digest(key))
    if found is None or found.org.name != org_name:
        raise UnauthorizedError(
            f"The key is not valid for organisation {org_name!r}. "
            "Check both, or create a key with: tunesmith keys create --org ORG --user NAME"
        )
    with database.write() as session:
        repository.note_use(session, found.key.id)
    return found


def token_of(identity: Identity, signer: TokenSigner) -> str:
    """A token for somebody who has logged in."""
    key, user, org = identity
    return signer.sign(Claims(user_id=user.id, org_name=org.name, key_id=key.id))


def authenticate(session: Session, claims: Claims) -> Caller:
    """The bearer of a genuine token, unless the key behind it was revoked since.

    Raises:
        UnauthorizedError: the key was revoked, or the database does not know it.
    """
    found = repository.by_key_id(session, claims.key_id)
    if found is None or found.user.id != claims.user_id:
        raise UnauthorizedError("The key behind this token is no longer valid: log in with another key")
    return caller_of(found)


@dataclass(frozen=True)
class Reader:
    """The bearer of a token who reads for so long that it may expire, or the key behind it be revoked."""

    signer: TokenSigner
    token: str
    org_name: str

    def check_token(self) -> Claims:
        """What the token says, which needs no database.

        Raises:
            UnauthorizedError: it has expired.
        """
        return self.signer.read(self.token)

    def caller(self, session: Session) -> Caller:
        """Who reads.

        Raises:
            UnauthorizedError: the token has expired, or the key was revoked.
            ForbiddenError: the token is for another organisation.
        """
        return authorize(authenticate(session, self.check_token()), self.org_name)


def caller_of(identity: Identity) -> Caller:
    """The owner of a key, as one who makes a request."""
    _, user, org = identity
    return Caller(user_id=user.id, org_id=org.id, org_name=org.name, user_name=user.name)


def authorize(caller: Caller, org_name: str) -> Caller:
    """The caller, if the organisation in the URL is the caller's own.

    Raises:
        ForbiddenError: it is another one; the message names both.
    """
    if caller.org_name != org_name:
        raise ForbiddenError(
            f"Your token is for organisation {caller.org_name!r}, but the URL names {org_name!r}"
        )
    return caller
