"""What every kind of store can do: list, tell about a file, and read it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Facts:
    """A file as it is now.

    Attributes:
        size: in bytes; None if the store does not say.
        etag: tells this state of the file from others; "" if the store does not say.
        modified: in UTC.
    """

    size: int | None
    etag: str
    modified: datetime


@dataclass(frozen=True)
class FileInfo:
    """A file in a listing. `key` is relative to the location; size, modified and etag as in `Facts`."""

    key: str
    size: int
    modified: datetime
    etag: str

    @property
    def facts(self) -> Facts:
        """The state in which the file was listed."""
        return Facts(self.size, self.etag, self.modified)


class Source(Protocol):
    """Reads one store. Keys and prefixes are whole, and known to be plain relative paths.

    Every method raises `StorageError`, or what `Faults` turns into one.
    """

    def list(self, prefix: str) -> Iterator[FileInfo]:
        """The files below a folder, in order of their keys."""
        ...

    def facts(self, key: str) -> Facts:
        """What is known about a file without reading it."""
        ...

    def read(self, key: str) -> bytes:
        """The whole file."""
        ...

    def chunks(self, key: str, facts: Facts, start: int, chunk_size: int) -> Iterator[bytes]:
        """The file from byte `start` on, as long as it is in the state of `facts`."""
        ...

    def probe(self, prefix: str) -> None:
        """Check that the store answers, exists and lets us in."""
        ...
