"""Lets one request at a time work on a thing outside of the database, over all servers."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import ConflictError

_guard = Lock()
_held: set[tuple[str, str]] = set()


@contextmanager
def held(database: Database, thing: str, busy: str) -> Iterator[None]:
    """Be the only one who works on the thing. Nobody waits, and what a dead server held is free at once.

    No transaction is open meanwhile. On PostgreSQL a connection of its own holds an advisory lock, which
    ends with it; an embedded database has one server, whose memory is enough.

    Args:
        database: what the servers share.
        thing: which thing, as text.
        busy: what whoever comes second is told.

    Raises:
        ConflictError: somebody else is at it.
    """
    holding = _on_postgresql(database, thing) if database.is_shared else _in_memory(database, thing)
    with holding as is_free:
        if not is_free:
            raise ConflictError(busy)
        yield


@contextmanager
def _in_memory(database: Database, thing: str) -> Iterator[bool]:
    entry = (str(database.engine.url), thing)
    with _guard:
        is_free = entry not in _held
        _held.add(entry)
    try:
        yield is_free
    finally:
        if is_free:
            with _guard:
                _held.discard(entry)


@contextmanager
def _on_postgresql(database: Database, thing: str) -> Iterator[bool]:
    number = int.from_bytes(hashlib.sha256(thing.encode()).digest()[:8], signed=True)
    with database.reading.connect() as connection:
        connection.detach()  # requests that read must not run out of connections, and closing it frees all
        is_free = bool(connection.scalar(select(func.pg_try_advisory_lock(number))))
        try:
            yield is_free
        finally:
            if is_free:
                # The end of the connection does this too, but not at once.
                with suppress(DBAPIError):
                    connection.scalar(select(func.pg_advisory_unlock(number)))
