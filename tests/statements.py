"""The SQL that a block of a test makes the database run."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from tunesmith.server.kit.database import Database


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements, in order, without the frames of transactions."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            seen.append(statement)

    engines = {database.engine, database.reading}  # one and the same on SQLite
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
