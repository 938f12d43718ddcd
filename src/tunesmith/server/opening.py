"""What a server, or a command on its machine, opens first: the data folder, the database, the port."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tunesmith.server.tables  # noqa: F401 - tables refer to each other by name: all must be known
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.settings import Settings
from tunesmith.server.migrations import migrate

_LOCK_FILE = "server.lock"
_BACKLOG = 2048


class StartError(Exception):
    """A server cannot start here; the message says why and what to do."""


def open_database(settings: Settings) -> Database:
    """The database, its tables in their newest form.

    Raises:
        UnknownRevisionError: a newer tunesmith has made it.
    """
    _make_data_dir(settings.data_dir)
    database = Database(settings.resolved_database_url)
    migrate(database.engine)
    return database


@contextmanager
def claimed(data_dir: Path) -> Iterator[None]:
    """Hold a data folder: its jobs and its embedded database are one server's.

    The lock goes with the process, however it ends.

    Raises:
        StartError: another server holds it.
    """
    _make_data_dir(data_dir)
    with (data_dir / _LOCK_FILE).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StartError(
                f"Another server (process {file.read().strip() or 'unknown'}) uses the data folder "
                f"{data_dir}. Stop it, or give this one a folder of its own with --data-dir."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens.

    Raises:
        StartError: the address is not of this machine, or the port is taken or not allowed.
    """
    try:
        listener = _listen(host, port)
    except OSError as error:
        raise StartError(
            f"Cannot listen on {host} port {port}: {error.strerror}. "
            "Choose another address with --host, or another port with --port (0 takes a free one)."
        ) from None
    with listener:
        yield listener


def _listen(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    family, kind, protocol, _, address = found[0]
    # asyncio turns Nagle's algorithm off only where the socket names its protocol; else replies take 40 ms.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _make_data_dir(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
