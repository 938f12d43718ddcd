"""Unpacking a downloaded archive without letting it write outside its folder."""

import io
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tunesmith.client.errors import UnsafeArchiveError


def unpack(chunks: Iterator[bytes], target: Path, strip: str = "") -> list[Path]:
    """Write the members of a tar.gz into `target`; a leading folder named `strip` is left out.

    The archive is fetched whole before anything is unpacked, so that a connection cut off leaves
    nothing behind. An existing file of the same name is replaced.

    Raises:
        UnsafeArchiveError: the archive is damaged, or holds links, devices or paths that lead out.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=target) as spool:
        for chunk in chunks:
            spool.write(chunk)
        spool.seek(0)
        try:
            with tarfile.open(fileobj=spool, mode="r:gz") as archive:
                return [_write(archive, member, target, strip) for member in archive if not member.isdir()]
        except (tarfile.TarError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise UnsafeArchiveError(f"The downloaded archive is damaged: {error}.") from error


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


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, strip: str) -> Path:
    path = target / _inside(member, strip)
    source = archive.extractfile(member)
    if source is None:
        raise UnsafeArchiveError(f"The downloaded archive holds {member.name}, which is not a plain file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(target.resolve()):
        raise UnsafeArchiveError(f"A link in {target} would let {member.name} be written outside of it.")
    path.unlink(missing_ok=True)  # a link of this name is replaced, not followed
    with path.open("wb") as file:
        shutil.copyfileobj(source, file)
    return path


def _inside(member: tarfile.TarInfo, strip: str) -> PurePosixPath:
    """The member's path below the target."""
    path = PurePosixPath(member.name)
    if not member.isfile():
        raise UnsafeArchiveError(f"The downloaded archive holds {member.name}, which is not a plain file.")
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise UnsafeArchiveError(f"The downloaded archive would write outside its folder: {member.name}.")
    return path.relative_to(strip) if strip and path.parts[0] == strip and len(path.parts) > 1 else path
