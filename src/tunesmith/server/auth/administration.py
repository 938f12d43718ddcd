"""What the operator does with keys, on the server's machine."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from tunesmith.server.auth import keys, repository
from tunesmith.server.auth.repository import Identity
from tunesmith.server.auth.tables import ApiKey
from tunesmith.server.kit.database import now
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.server.orgs.tables import Org, User

_ORG_NAME = re.compile(r"[a-zA-Z0-9_-]{1,255}")
_LONGEST_USER = 500


@dataclass(frozen=True)
class KeyEntry:
    """A key as a list shows it: by its first characters."""

    hint: str
    org: str
    user: str
    created_on: datetime
    last_used_on: datetime | None
    revoked_on: datetime | None


def create_key(session: Session, org_name: str, user_name: str) -> str:
    """A new key, and the organisation and user that it is for where there are none of these names.

    Raises:
        BadRequestError: a name that no URL or table can hold.
    """
    if not _ORG_NAME.fullmatch(org_name):
        raise BadRequestError(
            f"{org_name!r} cannot be an organisation's name: it stands in URLs, "
            "so use 1 to 255 letters, digits, dashes and underscores"
        )
    if not user_name.strip() or len(user_name) > _LONGEST_USER or not user_name.isprintable():
        raise BadRequestError(f"A user's name has 1 to {_LONGEST_USER} printable characters")
    key = keys.new_key()
    user = _user(session, _org(session, org_name), user_name)
    session.add(ApiKey(user_id=user.id, digest=keys.digest(key), hint=keys.hint(key)))
    session.flush()
    return key


def list_keys(session: Session) -> list[KeyEntry]:
    """All keys, revoked ones too, the oldest first."""
    return [_entry(one) for one in repository.list_keys(session)]


def revoke_key(session: Session, hint: str) -> KeyEntry:
    """Make a key useless from now on, with every token that it has given.

    `hint` is the key itself or enough of its beginning.

    Raises:
        NotFoundError: no key that still counts begins so.
        BadRequestError: several do.
    """
    valid = [one for one in repository.list_keys(session) if one.key.revoked_on is None]
    found = [one for one in valid if one.key.digest == keys.digest(hint)]
    found = found or [one for one in valid if hint.startswith(keys.PREFIX) and one.key.hint.startswith(hint)]
    if not found:
        raise NotFoundError(f"No valid key begins with {keys.hint(hint)!r}; see: tunesmith keys list")
    if len(found) > 1:
        raise BadRequestError(f"{len(found)} valid keys begin with {keys.hint(hint)!r}: give the whole key")
    found[0].key.revoked_on = now()
    return _entry(found[0])


def _org(session: Session, name: str) -> Org:
    if found := repository.find_org(session, name):
        return found
    org = Org(name=name)
    session.add(org)
    session.flush()
    return org


def _user(session: Session, org: Org, name: str) -> User:
    if found := repository.find_user(session, org, name):
        return found
    user = User(org_id=org.id, name=name)
    session.add(user)
    session.flush()
    return user


def _entry(identity: Identity) -> KeyEntry:
    key, user, org = identity
    return KeyEntry(
        hint=key.hint,
        org=org.name,
        user=user.name,
        created_on=key.created_on,
        last_used_on=key.last_used_on,
        revoked_on=key.revoked_on,
    )
