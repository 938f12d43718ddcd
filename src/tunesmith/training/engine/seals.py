"""The seal of a checkpoint: a checksum over the whole file, and the position in the training that it holds.

It is the comment of the file's zip archive, the last bytes of the file. So it goes wherever the file goes:
under every name, into a workspace and back. What reads checkpoints elsewhere does not mind it, and the end of
a file tells which state it is, without the rest being read or fetched.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

TAIL_BYTES = 256
"""So many bytes from the end hold a seal."""

_PATTERN = re.compile(rb"(?s:..)(tunesmith sha256=([0-9a-f]{64}) epochs=(\d{1,18}) steps=(\d{1,18}))\Z")
_LENGTH_BYTES = 2  # the archive's last field says how long its comment is
_END = re.compile(rb"(?s)PK\x05\x06.{16}\0\0\Z")  # of an archive without a comment
_CHUNK = 1 << 20


class Position(NamedTuple):
    """How far a training is: whole epochs, and steps of the next one. Positions compare by that."""

    epochs: int
    steps: int


NOWHERE = Position(-1, 0)
"""Before every position."""


@dataclass(frozen=True)
class Seal:
    """What a checkpoint says of itself. `sha256` is that of the file and the position, in hexadecimals."""

    sha256: str
    position: Position

    def text(self) -> bytes:
        """The seal as it stands in the file."""
        return b"tunesmith sha256=%s %s" % (self.sha256.encode(), _place(self.position))


class SealingWriter:
    """Writes an archive to a file and counts its checksum on the way.

    Args:
        file: new and empty.

    Attributes:
        failure: why the file did not take a write. torch hides that behind an error of its own.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.failure: OSError | None = None
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write all of the data."""
        try:
            written = self._file.write(data)
        except OSError as error:
            self.failure = self.failure or error
            raise
        self._digest.update(data)
        return written

    def flush(self) -> None:
        """Nothing is held back."""

    def seal(self, position: Position) -> None:
        """Put the seal behind the archive, which is whole."""
        self._digest.update(_place(position))
        text = Seal(self._digest.hexdigest(), position).text()
        self._file.seek(-_LENGTH_BYTES, os.SEEK_END)
        self._file.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)


def read_seal(path: Path) -> Seal | None:
    """The seal of a file; None if it has none, as one that was cut short."""
    return find_seal(_tail(path))


def is_unsealed(path: Path) -> bool:
    """Whether the file is an archive that was never sealed, as those from before there were seals."""
    return _END.search(_tail(path)) is not None


def find_seal(tail: bytes) -> Seal | None:
    """The seal at the end of a file's last bytes; None if there is none."""
    found = _PATTERN.search(tail)
    if found is None or int.from_bytes(found[0][:_LENGTH_BYTES], "little") != len(found[1]):
        return None
    return Seal(found[2].decode(), Position(int(found[3]), int(found[4])))


def is_whole(path: Path, seal: Seal) -> bool:
    """Whether every byte of the file is as it was when it was sealed."""
    digest = hashlib.sha256()
    for chunk in _archive(path, len(seal.text())):
        digest.update(chunk)
    digest.update(_place(seal.position))
    return digest.hexdigest() == seal.sha256


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return file.read()


def _archive(path: Path, comment: int) -> Iterator[bytes]:
    """The file as it was before it was sealed: without a comment, whose length was 0."""
    left = path.stat().st_size - comment - _LENGTH_BYTES
    with path.open("rb") as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
    yield bytes(_LENGTH_BYTES)


def _place(position: Position) -> bytes:
    return b"epochs=%d steps=%d" % position
