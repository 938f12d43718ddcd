"""The database: SQLite embedded, or PostgreSQL, behind one small surface.

A transaction is short and holds no other work. Reads and writes are told apart because SQLite must know
from the start that a transaction will write: a reader that turns writer can be refused.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

_BUSY_TIMEOUT_SECONDS = 30
_REST_SECONDS = 1
_RESTED_SINCE = "tunesmith_rested_since"
_HAS_TURN = "tunesmith_has_turn"
_WRITES = "tunesmith_writes"
WRITING = {_WRITES: True}
"""Execution options of an engine or connection whose transactions write."""


LOCK = {"key_share": True}
"""How rows are locked that are to be changed: others may refer to them meanwhile, since no key changes.

With a plain FOR UPDATE, whoever writes a job below an experiment would wait for whoever changes either, and
two that do so in another order would wait for each other.
"""
SKIP_LOCKED = LOCK | {"skip_locked": True}
"""The same, for whoever takes what nobody else has taken."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite forgets the zone; this type gives it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Root of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own form
        datetime: UtcDateTime,
        dict[str, Any]: JSON().with_variant(JSONB, "postgresql"),
        list[Any]: JSON().with_variant(JSONB, "postgresql"),
    }


class Record(Base):
    """A row with an identity and two times."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    created_on: Mapped[datetime] = mapped_column(default=now, index=True)
    last_modified: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Owned(Record):
    """A row that belongs to a user in an organisation."""

    __abstract__ = True

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    shared: Mapped[bool] = mapped_column(default=False)


class Database:
    """Opens sessions. One for each server process."""

    def __init__(self, url: str) -> None:
        self.engine = _connect(url)
        self.reading = _reading(self.engine, url)
        self._readers = sessionmaker(self.reading, expire_on_commit=False)
        writing = self.engine.execution_options(**WRITING)
        self._writers = sessionmaker(writing, expire_on_commit=False)

    @property
    def is_shared(self) -> bool:
        """Whether other servers may work on it too."""
        return self.engine.dialect.name != "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block ends well, and else leaves no trace.

        Its transaction begins with the first statement: slow checks belong before that.
        """
        with self._writers() as session:
            yield session
            session.commit()

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self.reading.dispose()


def _connect(url: str, **options: Any) -> Engine:
    address = make_url(url)
    if address.drivername in {"postgres", "postgresql"}:
        address = address.set(drivername="postgresql+psycopg")
    # Errors name no parameters: they end up in logs.
    if address.get_backend_name() != "sqlite":
        engine = create_engine(address, hide_parameters=True, **options)
        event.listen(engine, "checkin", _note_rest)
        event.listen(engine, "checkout", partial(_check_after_rest, engine))
        return engine
    timeout = {"timeout": _BUSY_TIMEOUT_SECONDS}
    engine = create_engine(address, connect_args=timeout, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    turns = _Turns()
    event.listen(engine, "begin", turns.begin)
    event.listen(engine, "checkin", turns.end)
    return engine


def _reading(writing: Engine, url: str) -> Engine:
    """PostgreSQL's statements each see what is committed, in a transaction or without: spare its frames.

    It has a pool of its own, since a connection takes time to change from one way to the other.
    """
    if writing.dialect.name == "sqlite":
        return writing
    return _connect(url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)


def _note_rest(_: object, record: ConnectionPoolEntry) -> None:
    record.info[_RESTED_SINCE] = time.monotonic()


def _check_after_rest(engine: Engine, connection: Any, record: ConnectionPoolEntry, _: object) -> None:
    """Ask a connection that has rested whether its server is still there. It costs a round trip."""
    if time.monotonic() - record.info.get(_RESTED_SINCE, -math.inf) < _REST_SECONDS:
        return
    dialect = engine.dialect
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError(str(error)) from error


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class _Turns:
    """Lets one transaction of this process write at a time.

    SQLite sees to that too, but whoever waits for its lock asks again after a nap of up to 100 ms.
    """

    def __init__(self) -> None:
        self._writing = threading.Lock()

    def begin(self, connection: Connection) -> None:
        """Begin a transaction; one that writes waits for its turn."""
        if not connection.get_execution_options().get(_WRITES):
            connection.exec_driver_sql("BEGIN")
            return
        taken = self._writing.acquire(timeout=_BUSY_TIMEOUT_SECONDS)
        connection.info[_HAS_TURN] = taken
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # says that the database is locked, if it is

    def end(self, _: object, record: ConnectionPoolEntry) -> None:
        """A connection goes back to the pool, however its transaction ended."""
        if record.info.pop(_HAS_TURN, False):
            self._writing.release()


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Do something once what the session wrote is visible to others; never if it is rolled back."""
    event.listen(session, "after_commit", lambda _: action(), once=True)
