"""Where fork servers listen, so that a server finds those of the one before it.

The path of a Unix socket may have about a hundred characters. So the sockets lie in a temporary folder, and
the data folder holds a link to it: made in one step, it is whole or not there.
"""

import os
import secrets
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LONGEST_FOLDER = 80


class Places:
    """The folders of sockets that one data folder links to, this server's own among them."""

    def __init__(self, links: Path) -> None:
        """Args:
        links: the folder in the data folder that holds the links.
        """
        self._links = links
        self._own: Path | None = None
        self._own_link: Path | None = None

    def open(self) -> None:
        """Make a folder of this server's own, and forget those where nobody listens any more."""
        self._links.mkdir(parents=True, exist_ok=True, mode=0o700)
        for link in list(self._links.iterdir()):
            _sweep(link)
        base = tempfile.gettempdir()
        self._own = Path(
            tempfile.mkdtemp(prefix="tunesmith-", dir=base if len(base) < _LONGEST_FOLDER else "/tmp")  # noqa: S108
        )
        self._own_link = self._links / secrets.token_hex(4)
        self._own_link.symlink_to(self._own)

    def bind(self, name: str) -> tuple[socket.socket, Path]:
        """A socket that listens in this server's own folder, and its path."""
        if self._own is None:
            raise RuntimeError("the executor has not been started")
        path = self._own / f"{name}-{secrets.token_hex(2)}"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(128)
        return listener, path

    def sockets(self) -> Iterator[Path]:
        """All sockets where somebody may listen, for whatever server they were made."""
        for link in list(self._links.iterdir()) if self._links.is_dir() else ():
            if folder := _trusted_target(link):
                yield from sorted(folder.iterdir())

    def close(self) -> None:
        """Remove this server's own folder."""
        if self._own and self._own_link:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own_link.unlink(missing_ok=True)
            self._own = self._own_link = None


def connect(path: Path, seconds: float) -> socket.socket:
    """A connection, on which nothing takes more than so many seconds.

    Raises:
        OSError: nobody listens there.
    """
    channel = socket.socket(socket.AF_UNIX)
    channel.settimeout(seconds)
    try:
        channel.connect(str(path))
    except OSError:
        channel.close()
        raise
    return channel


def _trusted_target(link: Path) -> Path | None:
    """The folder that a link leads to, if it is still ours: a folder for all may have been cleared."""
    try:
        folder = link.readlink()
        facts = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077
    return folder if ours else None


def _sweep(link: Path) -> None:
    """Remove the link, and what it leads to, unless somebody listens there."""
    folder = _trusted_target(link)
    if folder:
        if any(_is_alive(path) for path in folder.iterdir()):
            return
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        link.unlink()


def _is_alive(path: Path) -> bool:
    try:
        connect(path, seconds=5).close()
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
        return False
    except OSError:
        pass  # somebody who does not answer
    return True
