"""The one rule of who may touch what.

The owner reads and writes. What is shared is read by everybody in the organisation. Anything else does
not exist for the caller: the answer is 404, so that ids cannot be probed.
"""

from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Owned
from tunesmith.server.kit.errors import NotFoundError

Thing = TypeVar("Thing", bound=Owned)


def readable(table: type[Owned], caller: Caller) -> ColumnElement[bool]:
    """The condition under which the caller may see a row."""
    return and_(table.org_id == caller.org_id, or_(table.user_id == caller.user_id, table.shared))


def writable(table: type[Owned], caller: Caller) -> ColumnElement[bool]:
    """The condition under which the caller may change a row."""
    return and_(table.org_id == caller.org_id, table.user_id == caller.user_id)


def get_readable(session: Session, table: type[Thing], identity: UUID, caller: Caller) -> Thing:
    """The object, to be read.

    Raises:
        NotFoundError: there is none of that id that the caller may see.
    """
    return _found(session, table, identity, select(table).where(readable(table, caller)))


def get_writable(session: Session, table: type[Thing], identity: UUID, caller: Caller) -> Thing:
    """The object, to be changed: others who want to change it wait until this transaction ends.

    Raises:
        NotFoundError: there is none of that id that the caller owns.
    """
    query = select(table).where(writable(table, caller)).with_for_update()
    return _found(session, table, identity, query)


def _found(session: Session, table: type[Thing], identity: UUID, query: Select[Thing]) -> Thing:
    found = session.scalar(query.where(table.id == identity))
    if found is None:
        raise NotFoundError.of(table.__name__, identity)
    return found
