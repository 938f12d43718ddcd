"""Queries about organisations, users and keys."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.orm import Session

from tunesmith.server.auth.tables import ApiKey
from tunesmith.server.kit.database import now
from tunesmith.server.orgs.tables import Org, User


class Identity(NamedTuple):
    """A key and whom it belongs to."""

    key: ApiKey
    user: User
    org: Org


_IDENTITIES = select(ApiKey, User, Org).join(User, User.id == ApiKey.user_id).join(Org, Org.id == User.org_id)
_BY_KEY_ID = _IDENTITIES.where(ApiKey.id == bindparam("key_id"), ApiKey.revoked_on.is_(None))
"""Each request asks this: the statement is built once."""


def by_digest(session: Session, digest: str) -> Identity | None:
    """Whom a key belongs to, unless it is revoked."""
    return _valid(session, ApiKey.digest == digest)


def by_key_id(session: Session, key_id: UUID) -> Identity | None:
    """Whom the key of that id belongs to, unless it is revoked."""
    found = session.execute(_BY_KEY_ID, {"key_id": key_id}).one_or_none()
    return Identity(*found) if found else None


def _valid(session: Session, which: ColumnElement[bool]) -> Identity | None:
    found = _identities(session, which, ApiKey.revoked_on.is_(None))
    return found[0] if found else None


def _identities(session: Session, *which: ColumnElement[bool]) -> list[Identity]:
    query = _IDENTITIES.where(*which).order_by(ApiKey.created_on)
    return [Identity(key, user, org) for key, user, org in session.execute(query)]


def list_keys(session: Session) -> list[Identity]:
    """All keys, revoked ones too, the oldest first."""
    return _identities(session)


def find_org(session: Session, name: str) -> Org | None:
    """The organisation of that name."""
    return session.scalar(select(Org).where(Org.name == name))


def find_user(session: Session, org: Org, name: str) -> User | None:
    """The user of that name in an organisation."""
    return session.scalar(select(User).where(User.org_id == org.id, User.name == name))


def note_use(session: Session, key_id: UUID) -> None:
    """Remember that somebody has logged in with the key."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_on=now()))


def any_key(session: Session) -> bool:
    """Whether anybody can log in."""
    return session.scalar(select(ApiKey.id).where(ApiKey.revoked_on.is_(None)).limit(1)) is not None
