"""Reads folders. What a folder needs that a bucket does not: links must not lead out of it."""

import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tunesmith.storage.errors import StorageError
from tunesmith.storage.sources import Facts, FileInfo

# obstore gives names like the first to half-written files, and takes the second for drives.
_UNUSABLE = re.compile(r"^[^#]*#[0-9]+$|[A-Za-z][:|]$")


class FolderSource:
    """A folder. obstore writes there; its way of reading files takes thirty times as long as this."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self, prefix: str) -> Iterator[FileInfo]:
        """The files below a folder, in order of their keys."""
        for key, found in walk(self._root, prefix):
            yield FileInfo(key, found.st_size, _modified(found), _etag(found))

    def facts(self, key: str) -> Facts:
        """What is known about a file without reading it."""
        try:
            found = (self._root / key).stat()
        except NotADirectoryError:
            raise FileNotFoundError(key) from None
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(key)
        return Facts(found.st_size, _etag(found), _modified(found))

    def read(self, key: str) -> bytes:
        """The whole file."""
        self.facts(key)
        return (self._root / key).read_bytes()

    def chunks(self, key: str, facts: Facts, start: int, chunk_size: int) -> Iterator[bytes]:
        """The file from byte `start` on, as long as it is in the state of `facts`."""
        with (self._root / key).open("rb", buffering=0) as file:
            if facts.etag != _etag(os.fstat(file.fileno())):
                raise StorageError(
                    f"Could not read {key} in the folder {self._root}: the file changed meanwhile; try again."
                )
            file.seek(start)
            while chunk := file.read(chunk_size):
                yield chunk

    def probe(self, prefix: str) -> None:  # noqa: ARG002 - a folder lets in anywhere or nowhere
        """Check that the folder can be listed."""
        next(self._root.iterdir(), None)


def check_place(root: Path, key: str) -> None:
    """Refuse a key that no folder can hold, or that a symbolic link takes out of the root.

    Raises:
        StorageError: naming the key. A path that does not exist (yet) is judged by the part that does.
    """
    name = key.rsplit("/", maxsplit=1)[-1]
    if _UNUSABLE.search(name):
        raise StorageError(
            f"The file {key} cannot be kept in the folder {root}; rename it, without {name[-2:]}."
        )
    if not _inside(root, root / key):
        raise StorageError(
            f"The file {key} in the folder {root} is behind a link that leads out of it; "
            "replace the link with the file itself."
        )


def walk(root: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """The plain files below a prefix as (key, facts), in order of their keys.

    Links inside the root count as what they point to. Links that lead out or nowhere, devices, and what a
    killed write left half done are left out. A folder that is reached again from within itself is not
    entered twice.
    """
    start = root / prefix if prefix else root
    if start.is_dir() and _inside(root, start):
        yield from _walk(root, start, f"{prefix}/" if prefix else "", (start.resolve(),))


def _walk(
    root: Path, folder: Path, base: str, trail: tuple[Path, ...]
) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = Path(entry.path)
        if entry.is_symlink() and not _inside(root, path):
            continue
        if entry.is_file() and not _UNUSABLE.search(entry.name):
            yield base + entry.name, entry.stat()
        elif entry.is_dir() and (real := path.resolve()) not in trail:
            yield from _walk(root, path, f"{base}{entry.name}/", (*trail, real))


def _inside(root: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return False


def _modified(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)


def _etag(found: os.stat_result) -> str:
    """Another one for each state of a file: what replaces it is another inode, what is written has a time."""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
