"""Unpacking a downloaded archive without letting it write outside its folder."""

import gzip
import io
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tunesmith.client.errors import UnsafeArchiveError

_CHUNK = 1 << 20


def unpack(packed: Path, target: Path, strip: str = "") -> list[Path]:
    """Write the members of a tar.gz into `target`; a leading folder named `strip` is left out.

    All is unpacked, and held against the archive's sums, before anything of it is in its place. An existing
    file of the same name is replaced.

    Raises:
        UnsafeArchiveError: the archive is damaged, or holds links, devices or paths that lead out.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".unpacked-") as name:
        unpacked = Path(name)
        found = _unpacked(packed, unpacked, strip)
        return [_moved(unpacked, target, path) for path in found]


def _unpacked(packed: Path, target: Path, strip: str) -> list[PurePosixPath]:
    """The paths of the members, each once."""
    found: dict[PurePosixPath, None] = {}
    try:
        with gzip.open(packed) as plain:
            with tarfile.open(fileobj=plain, mode="r:") as archive:
                for member in archive:
                    if not member.isdir():
                        found[_written(archive, member, target, strip)] = None
            while plain.read(_CHUNK):  # to the sum at the end
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnsafeArchiveError(f"The downloaded archive is damaged: {error}.") from error
    return list(found)


def unpack_flat(chunks: Iterator[bytes], target: Path) -> list[Path]:
    """Write the files of a small zip into `target`, whatever folders they are in. Returns what was written.

    Raises:
        UnsafeArchiveError: the archive is damaged.
    """
    target.mkdir(parents=True, exist_ok=True)
    written = []
    try:
        with zipfile.ZipFile(io.BytesIO(b"".join(chunks))) as archive:
            for member in archive.infolist():
                if name := PurePosixPath(member.filename.replace("\\", "/")).name:
                    path = target / name
                    path.unlink(missing_ok=True)  # a link of this name is replaced, not followed
                    path.write_bytes(archive.read(member))
                    written.append(path)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise UnsafeArchiveError(f"The downloaded archive is damaged: {error}.") from error
    return written


def _written(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, strip: str) -> PurePosixPath:
    path = _inside(member, strip)
    source = archive.extractfile(member)
    if source is None:
        raise UnsafeArchiveError(f"The downloaded archive holds {member.name}, which is not a plain file.")
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    with (target / path).open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
    return path


def _moved(unpacked: Path, target: Path, path: PurePosixPath) -> Path:
    goal = target / path
    goal.parent.mkdir(parents=True, exist_ok=True)
    if not goal.parent.resolve().is_relative_to(target.resolve()):
        raise UnsafeArchiveError(f"A link in {target} would let {path} be written outside of it.")
    return (unpacked / path).replace(goal)  # a link of this name is replaced, not followed


def _inside(member: tarfile.TarInfo, strip: str) -> PurePosixPath:
    """The member's path below the target."""
    path = PurePosixPath(member.name)
    if not member.isfile():
        raise UnsafeArchiveError(f"The downloaded archive holds {member.name}, which is not a plain file.")
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise UnsafeArchiveError(f"The downloaded archive would write outside its folder: {member.name}.")
    return path.relative_to(strip) if strip and path.parts[0] == strip and len(path.parts) > 1 else path
