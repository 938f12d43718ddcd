"""A job's folder on the server as the image of one on a node: what reports append, and where they are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from tunesmith.protocol import JobFolder, append_bytes

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
    """A file here that has what a file of a node has, from `base` on. All offsets are those of the node's."""

    path: Path
    base: int

    @property
    def size(self) -> int:
        """How much of the node's file is here."""
        return max(0, _size(self.path) - self.base)

    def heal(self, *, lines: bool = False) -> None:
        """Get the file ready to be appended to.

        A power cut may have left it shorter than it was when the attempt began. A file of `lines` loses the
        beginning of one that was never written to its end: the node still has it.
        """
        if _size(self.path) < self.base:
            os.truncate(_touched(self.path), self.base - 1)
            append_bytes(self.path, b"\n")
        if lines and _size(self.path) > (end := _end_of_lines(self.path)):
            os.truncate(self.path, end)

    def news(self, offset: int, piece: bytes) -> bytes | None:
        """The part of a piece that is not here yet. None if something before the piece is missing."""
        known = self.size - offset
        return None if known < 0 else piece[known:]

    def append(self, piece: bytes) -> None:
        """Add what `news` gave.

        Raises:
            OSError: the file system does not take it; a part may have been written.
        """
        if piece:
            append_bytes(self.path, piece)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _touched(path: Path) -> Path:
    path.touch()
    return path


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
