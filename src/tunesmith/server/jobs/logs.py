"""The log of a job, as far as it has been written."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tunesmith.protocol import JobFolder

_CHUNK = 1 << 16


@dataclass(frozen=True)
class Log:
    """A log and its size in bytes when it was looked at; what is written after that is left for later."""

    path: Path
    size: int
    modified: float

    def read(self) -> Iterator[bytes]:
        """Exactly `size` bytes."""
        with self.path.open("rb") as file:
            yield from _first(file, self.size)


def log_of(folder: JobFolder) -> Log | None:
    """The log of a job; None while its worker has not begun one."""
    try:
        facts = folder.log_path.stat()
    except FileNotFoundError:
        return None
    return Log(folder.log_path, facts.st_size, facts.st_mtime)


def _first(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left and (chunk := file.read(min(_CHUNK, left))):
        left -= len(chunk)
        yield chunk
