"""Reads the members of tar and zip archives, whatever their compression, one after the other."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import IO

from tunesmith.storage.errors import ArchiveError

CHUNK = 1 << 20
# tarfile reads the headers that hold long names whole; honest ones are far smaller than this.
_LARGEST_READ = 4 << 20

_AGAIN = "Pack and upload it again."
_Plain = IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile


class Kind(Enum):
    """What a member is."""

    FILE = auto()
    FOLDER = auto()
    SYMBOLIC_LINK = auto()
    HARD_LINK = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Member:
    """A member as the archive states it: nothing here is checked.

    Attributes:
        size: the content's size in bytes, as the archive claims.
        link: where a link points, relative to the link (symbolic) or to the archive (hard).
        chunks: the content; to be read before the next member is asked for.
    """

    name: str
    kind: Kind
    size: int = 0
    link: str = ""
    chunks: Callable[[], Iterator[bytes]] = lambda: iter(())


def members(archive: Path) -> Iterator[Member]:
    """The members of an archive, told by its content and not by its name.

    Raises:
        ArchiveError: it is not an archive, or it is damaged, truncated or encrypted.
    """
    with _named(archive), archive.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        if not head:
            raise ArchiveError(archive.name, "is empty", _AGAIN)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            found = _zip_members(file)
        else:
            found = _tar_members(_Meter(_decompressed(file, head)))
        for member in found:
            yield replace(member, chunks=partial(_named_chunks, archive, member))


def _named_chunks(archive: Path, member: Member) -> Iterator[bytes]:
    with _named(archive):
        yield from member.chunks()


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        raise _damaged(archive, error) from None
    except (RuntimeError, NotImplementedError) as error:  # zipfile's words for encryption and odd methods
        raise ArchiveError(archive.name, f"cannot be read ({error})", "Pack it again without that.") from None
    except OSError as error:
        if error.errno is not None:
            raise  # this machine's trouble, not the archive's
        raise _damaged(archive, error) from None


def _damaged(archive: Path, error: Exception) -> ArchiveError:
    return ArchiveError(archive.name, f"is not a whole tar or zip archive ({error})", _AGAIN)


def _decompressed(file: IO[bytes], head: bytes) -> _Plain:
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(file)
    return file


class _Meter(io.RawIOBase):
    """Stands between tarfile and the data: refuses giant headers, remembers the last block read."""

    def __init__(self, plain: _Plain) -> None:
        self._plain = plain
        self.last = b""

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise tarfile.ReadError("a header is far too large")
        self.last = self._plain.read(size)
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._plain.seek(offset, whence)

    def tell(self) -> int:
        return self._plain.tell()


def _tar_members(meter: _Meter) -> Iterator[Member]:
    with tarfile.open(fileobj=meter, mode="r:") as tar:
        # It would keep every member of a large archive in memory.
        listing: list[tarfile.TarInfo] = vars(tar)["members"]
        while (info := tar.next()) is not None:
            yield _tar_member(tar, info)
            listing.clear()
    # tarfile takes a damaged header for the end. The true end is a block of zeros, or nothing.
    if meter.last.strip(b"\0"):
        raise tarfile.ReadError("a damaged header")
    while meter.read(CHUNK):  # the checksum of the compressed data stands at its end
        pass


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    def chunks() -> Iterator[bytes]:
        content = tar.extractfile(info)
        while content and (chunk := content.read(CHUNK)):
            yield chunk

    if info.isreg():
        return Member(info.name, Kind.FILE, info.size, chunks=chunks)
    if info.isdir():
        return Member(info.name, Kind.FOLDER)
    if info.issym():
        return Member(info.name, Kind.SYMBOLIC_LINK, link=info.linkname)
    if info.islnk():
        return Member(info.name, Kind.HARD_LINK, link=info.linkname)
    return Member(info.name, Kind.OTHER)


def _zip_members(file: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(file) as whole:
        for info in whole.infolist():
            yield _zip_member(whole, info)


def _zip_member(whole: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    def chunks() -> Iterator[bytes]:
        with whole.open(info) as content:
            while chunk := content.read(CHUNK):
                yield chunk

    name = info.filename.replace("\\", "/")  # what some Windows tools write for a slash
    mode = stat.S_IFMT(info.external_attr >> 16)
    if info.is_dir() or name.endswith("/"):
        return Member(name, Kind.FOLDER)
    if mode == stat.S_IFLNK:
        return Member(name, Kind.SYMBOLIC_LINK, link=_link_text(chunks()))
    if mode in {0, stat.S_IFREG}:
        return Member(name, Kind.FILE, info.file_size, chunks=chunks)
    return Member(name, Kind.OTHER)


def _link_text(chunks: Iterator[bytes]) -> str:
    return next(chunks, b"")[:4096].decode(errors="surrogateescape")
