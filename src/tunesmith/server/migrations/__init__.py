"""The history of the tables, and the way to their newest form.

Revisions are numbered files in `versions`: 0001, 0002, ... A new one is drafted by
`alembic revision --autogenerate --rev-id 0002 -m "what changes"`.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from tunesmith.server.kit.database import WRITING

_FOLDER = Path(__file__).parent
_LOCK = 0x74756E65
"""An arbitrary number by which servers that start at once on one PostgreSQL wait for each other."""


class UnknownRevisionError(Exception):
    """The database was made by a newer tunesmith than this."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"The database is at revision {found}; this tunesmith knows revisions up to {head()}. "
            "Start the newer version that made it, or restore a backup from before the upgrade."
        )


@cache
def head() -> str:
    """The newest revision, told by the names of the files: importing Alembic takes longer than starting."""
    return _revisions()[-1]


def migrate(engine: Engine) -> None:
    """Bring the tables to their newest form; quick when they have it.

    Raises:
        UnknownRevisionError: the tables are newer than this code.
    """
    with engine.connect() as connection:
        if _revision(connection) == head():
            return
    with engine.execution_options(**WRITING).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    found = _revision(connection)
    if found is not None and found not in _revisions():
        raise UnknownRevisionError(found)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _revisions() -> list[str]:
    return sorted(file.stem.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py"))
