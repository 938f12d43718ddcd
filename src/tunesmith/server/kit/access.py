"""The one rule of who may touch what.

The owner reads and writes. What is shared is read by everybody in the organisation, what is public by
everybody who is logged in; changing it is forbidden to them (403). Anything else does not exist for the
caller: the answer is 404, so that ids cannot be probed. docs/rights.md shows it as a table.
"""

from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Owned
from tunesmith.server.kit.errors import ForbiddenError, NotFoundError

Thing = TypeVar("Thing", bound=Owned)


def at_home(table: type[Owned], caller: Caller) -> ColumnElement[bool]:
    """The condition for a row to be the caller's own or shared by a colleague."""
    return and_(table.org_id == caller.org_id, or_(table.user_id == caller.user_id, table.shared))


def readable(table: type[Owned], caller: Caller) -> ColumnElement[bool]:
    """The condition under which the caller may see a row."""
    public: ColumnElement[bool] | None = getattr(table, "public", None)
    return at_home(table, caller) if public is None else or_(at_home(table, caller), public)


def writable(table: type[Owned], caller: Caller) -> ColumnElement[bool]:
    """The condition under which the caller may change a row."""
    return and_(table.org_id == caller.org_id, table.user_id == caller.user_id)


def get_readable(session: Session, table: type[Thing], identity: UUID, caller: Caller) -> Thing:
    """The object, to be read.

    Raises:
        NotFoundError: there is none of that id that the caller may see.
    """
    found = session.scalar(select(table).where(readable(table, caller), table.id == identity))
    if found is None:
        raise NotFoundError.of(table.__name__, identity)
    return found


def get_writable(
    session: Session, table: type[Thing], identity: UUID, caller: Caller, *, lock: bool = True
) -> Thing:
    """The object, to be changed: others who want to change it wait until this transaction ends.

    Without a lock, it is only told whether the caller may: to act on what belongs to it.

    Raises:
        ForbiddenError: the caller may only look at it.
        NotFoundError: there is none of that id that the caller may see.
    """
    query = select(table).where(writable(table, caller), table.id == identity)
    if found := session.scalar(query.with_for_update(key_share=True) if lock else query):
        return found
    get_readable(session, table, identity, caller)
    raise ForbiddenError(
        f"{table.__name__} {identity} belongs to another user: you may read it, not change it"
    )
