"""A job's folder on the server as the image of one on a node: what reports append, and where they are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from tunesmith.protocol import DISK_FULL, JobFolder, append_bytes

_BLOCK = 1 << 16


@contextmanager
def alone_in(folder: JobFolder) -> Iterator[None]:
    """Nobody else appends reports to the folder meanwhile, or begins an attempt there.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    descriptor = os.open(folder.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flock(descriptor, LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Mirror:
    """A file here that has what a file of a node has, from `base` on. All offsets are those of the node's.

    Attributes:
        lines: whether the file is to hold whole lines alone.
    """

    path: Path
    base: int
    lines: bool = False

    @property
    def size(self) -> int:
        """How much of the node's file is here."""
        return max(0, _size(self.path) - self.base)

    def heal(self) -> None:
        """Get the file ready to be appended to.

        A power cut may have left it shorter than it was when the attempt began. A line without an end goes:
        the node still has it.
        """
        if _size(self.path) < self.base:
            self.path.touch()
            os.truncate(self.path, self.base - 1)
            append_bytes(self.path, b"\n")
        if self.lines and _size(self.path) > (end := _end_of_lines(self.path)):
            os.truncate(self.path, end)

    def news(self, offset: int, piece: bytes) -> bytes | None:
        """The part of a piece that is not here yet. None if something before the piece is missing."""
        known = self.size - offset
        return None if known < 0 else piece[known:]

    def append(self, piece: bytes) -> bool:
        """Add what `news` gave. False if there is no room, and only a part was written."""
        try:
            append_bytes(self.path, piece)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            self.heal()
            return False
        return True


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _end_of_lines(path: Path) -> int:
    """The length of the file without a last line that has no end."""
    end = _size(path)
    if end == 0:
        return 0
    with path.open("rb") as file:
        while end:
            begin = max(0, end - _BLOCK)
            file.seek(begin)
            if found := file.read(end - begin).rfind(b"\n") + 1:
                return begin + found
            end = begin
    return 0
