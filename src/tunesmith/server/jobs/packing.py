"""A tar.gz archive made while it is sent: nothing of it touches the disk, and little of it the memory."""

import tarfile
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_GZIP = 16 + zlib.MAX_WBITS
_STORED = 0
"""Weights hardly shrink: to compress them would only slow the download."""


@dataclass(frozen=True)
class Member:
    """A file to pack: its size in bytes must be known, its content is read when its turn comes."""

    name: str
    size: int
    modified: float
    content: Iterable[bytes]


def tar_gz(members: Iterable[Member]) -> Iterator[bytes]:
    """The archive, piece by piece.

    Raises:
        EOFError: a file did not have the size it was listed with. The archive then ends in the middle, so
            that the receiver knows.
    """
    gzip = zlib.compressobj(_STORED, zlib.DEFLATED, _GZIP)
    for member in members:
        for piece in _tar(member):
            if packed := gzip.compress(piece):
                yield packed
    yield gzip.compress(bytes(2 * tarfile.BLOCKSIZE)) + gzip.flush()


def _tar(member: Member) -> Iterator[bytes]:
    info = tarfile.TarInfo(member.name)
    info.size, info.mtime, info.mode = member.size, member.modified or time.time(), 0o644
    yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    left = member.size
    for piece in member.content:
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left != 0:
        raise EOFError(f"{member.name} changed while it was being downloaded")
    yield bytes(-member.size % tarfile.BLOCKSIZE)
