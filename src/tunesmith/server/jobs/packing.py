"""A tar.gz archive that is made while it is sent, from any byte on: nothing of it touches the disk.

It is planned before it is made. The same members give the same bytes each time, of a length known in advance,
so that a download that broke can go on. Nothing is compressed (weights hardly shrink, and it would only slow
the download), and so each byte of the tar has its place:

    gzip member     header, stored blocks, CRC-32 and length; for each 64 MiB of the tar
    stored block    5 bytes that say how long it is, then up to 32 KiB

Each gzip member has a sum of its own, over the whole of it. A part of the archive therefore costs reading at
most 64 MiB more than the part itself, wherever it begins.
"""

import struct
import tarfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice

from tunesmith.storage.chunks import part

FORMAT = 1
"""Changes with every change of the bytes that the same members give."""

_SPAN = 64 << 20
_BATCH = 1 << 18
_BLOCK = 1 << 15
_GZIP_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
_GZIP_TRAILER = struct.Struct("<II")
_BLOCK_HEADER = struct.Struct("<BHH")
_END_OF_TAR = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Member:
    """A file to pack.

    Attributes:
        name: its path in the archive.
        size: in bytes.
        modified: seconds since 1970.
        read: the content from a byte on; called when its turn comes.
    """

    name: str
    size: int
    modified: float
    read: Callable[[int], Iterator[bytes]]


class Archive:
    """A tar.gz of `size` bytes."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._tar = _Tar(members)
        whole, rest = divmod(self._tar.size, _SPAN)
        self.size = whole * _packed_size(_SPAN) + (_packed_size(rest) if rest else 0)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`.

        Raises:
            EOFError: a file no longer has the size that it was listed with.
        """
        before, skip = divmod(start, _packed_size(_SPAN))
        left = self._tar.size - before * _SPAN
        return part(_gzip(self._tar.read(before * _SPAN), left), skip, stop - start)


class _Tar:
    """The archive before it is packed."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._starts = list(accumulate(map(_entry_size, members), initial=0))
        self.size = self._starts[-1] + len(_END_OF_TAR)

    def read(self, start: int) -> Iterator[bytes]:
        """All from byte `start` on; files that lie before it are not opened."""
        first = bisect_right(self._starts, start) - 1
        for begin, member in islice(zip(self._starts, self._members, strict=False), first, None):
            yield from _entry(member, max(0, start - begin))
        yield _END_OF_TAR[max(0, start - self._starts[-1]) :]


def _entry_size(member: Member) -> int:
    return len(_header(member)) + member.size + len(_padding(member))


def _entry(member: Member, skip: int) -> Iterator[bytes]:
    header = _header(member)
    yield header[skip:]
    skip = max(0, skip - len(header))
    if skip < member.size:
        yield from _content(member, skip)
    yield _padding(member)[max(0, skip - member.size) :]


def _header(member: Member) -> bytes:
    info = tarfile.TarInfo(member.name)
    info.size, info.mtime, info.mode = member.size, int(member.modified), 0o644
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padding(member: Member) -> bytes:
    return bytes(-member.size % tarfile.BLOCKSIZE)


def _content(member: Member, start: int) -> Iterator[bytes]:
    left = member.size - start
    for chunk in member.read(start):
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left != 0:
        raise EOFError(f"{member.name} changed while it was being downloaded")


def _packed_size(size: int) -> int:
    blocks = -(-size // _BLOCK)
    return len(_GZIP_HEADER) + blocks * _BLOCK_HEADER.size + size + _GZIP_TRAILER.size


def _gzip(tar: Iterator[bytes], left: int) -> Iterator[bytes]:
    """The gzip members of a tar with `left` bytes."""
    batches = _batches(tar)
    while left:
        size = min(left, _SPAN)
        yield from _gzip_member(batches, size)
        left -= size


def _gzip_member(batches: Iterator[bytes], size: int) -> Iterator[bytes]:
    yield _GZIP_HEADER
    checksum, left = 0, size
    while left:
        batch = next(batches)
        left -= len(batch)
        checksum = zlib.crc32(batch, checksum)
        yield _stored(batch, is_last=not left)
    yield _GZIP_TRAILER.pack(checksum, size)


def _stored(batch: bytes, *, is_last: bool) -> bytes:
    """The blocks that hold a batch; the last one ends the gzip member."""
    view, parts = memoryview(batch), list[bytes | memoryview]()
    for start in range(0, len(batch), _BLOCK):
        block = view[start : start + _BLOCK]
        ends = is_last and start + _BLOCK >= len(batch)
        parts += (_BLOCK_HEADER.pack(ends, len(block), len(block) ^ 0xFFFF), block)
    return b"".join(parts)


def _batches(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, `_BATCH` of them at a time. Spans are whole batches, so that none belongs to two."""
    held, size = list[memoryview](), 0
    for chunk in chunks:
        rest = memoryview(chunk)
        while size + len(rest) >= _BATCH:
            cut = _BATCH - size
            yield b"".join((*held, rest[:cut]))
            held, size, rest = [], 0, rest[cut:]
        held.append(rest)
        size += len(rest)
    yield b"".join(held)
