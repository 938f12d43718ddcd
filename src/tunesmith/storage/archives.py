"""Extracts archives that strangers made: nothing is ever written outside the target folder."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tunesmith.storage.errors import ArchiveError, InvalidKeyError
from tunesmith.storage.keys import check_key
from tunesmith.storage.members import Kind, Member, members


@dataclass(frozen=True)
class Limits:
    """How much an archive may grow.

    Attributes:
        total_bytes: all contents together.
        files: files and folders together.
        ratio: contents to archive, looked at once the contents exceed `ratio_from` bytes.
    """

    total_bytes: int = 1 << 40
    files: int = 10_000_000
    ratio: int = 200
    ratio_from: int = 256 << 20


@dataclass(frozen=True)
class ExtractReport:
    """What came out of an archive."""

    files: int
    total_bytes: int


def extract(
    archive: Path,
    target: Path,
    limits: Limits = Limits(),
    on_bytes: Callable[[int], None] | None = None,
) -> ExtractReport:
    """Extract a tar (plain, gzip, bzip2, xz) or zip archive into a new folder.

    The folder gets its name when all is in it: a kill leaves at most `.<name>.extracting` beside it, which
    the next call removes. Extract one archive into one target at a time. `on_bytes` is called with the size
    of each chunk written; what it raises ends the extraction.

    Raises:
        ArchiveError: not an archive, damaged, beyond the limits, or with a member that is absolute, has
            `..`, is a device, comes twice, or is a link that leads out or nowhere.
        FileExistsError: the target is there already.
    """
    if target.exists():
        raise FileExistsError(f"{target} is there already.")
    partial = target.with_name(f".{target.name}.extracting")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        extraction = _Extraction(archive, partial, limits, on_bytes)
        for member in members(archive):
            extraction.add(member)
        extraction.link()
        partial.rename(target)
    except BaseException:  # whatever ends it, nobody may find half of an archive
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return ExtractReport(extraction.files, extraction.total_bytes)


class _Extraction:
    """One archive on its way into one folder."""

    def __init__(
        self, archive: Path, root: Path, limits: Limits, on_bytes: Callable[[int], None] | None
    ) -> None:
        self._archive = archive
        self._packed = max(1, archive.stat().st_size)
        self._root = root
        self._limits = limits
        self._on_bytes = on_bytes
        self._count = 0
        self._links: list[tuple[Path, str]] = []
        self.files = 0
        self.total_bytes = 0

    def add(self, member: Member) -> None:
        """Write a member; symbolic links wait for the end, so that nothing is written through them."""
        self._count += 1
        if self._count > self._limits.files:
            raise self._refused(f"holds more than {self._limits.files} files")
        path = self._path(member.name)
        if path is None:
            return
        with self._named(member.name):
            match member.kind:
                case Kind.FOLDER:
                    path.mkdir(parents=True, exist_ok=True)
                case Kind.FILE:
                    self._write(member, path)
                case Kind.HARD_LINK:
                    self._link_hard(member, path)
                case Kind.SYMBOLIC_LINK:
                    self._links.append((path, member.link))
                case Kind.OTHER:
                    raise self._refused(f"holds {member.name!r}, which is a device or the like")

    def link(self) -> None:
        """Make the symbolic links, then refuse those that lead out, in circles or nowhere."""
        # All folders come first: then none of them can be a link that was just made.
        for path, _ in self._links:
            with self._named(self._short(path)):
                path.parent.mkdir(parents=True, exist_ok=True)
        for path, link in self._links:
            if link.startswith("/") or not link or "\0" in link:
                raise self._refused(f"holds the link {self._short(path)!r} to {link!r}, not a relative path")
            with self._named(self._short(path)):
                path.symlink_to(link)
        root = self._root.resolve()
        for path, _ in self._links:
            if not self._leads_to_member(root, path):
                raise self._refused(f"holds the link {self._short(path)!r}, which leads out of it or nowhere")

    def _path(self, name: str) -> Path | None:
        """Where a member goes; None for the archive's own top folder (`./`)."""
        if name.startswith("/"):
            raise self._refused(f"holds the absolute path {name!r}")
        plain = "/".join(part for part in name.rstrip("/").split("/") if part != ".")
        if not plain:
            return None
        try:
            return self._root / check_key(plain)
        except InvalidKeyError:
            raise self._refused(f"holds {name!r}, which is not a plain relative path") from None

    def _write(self, member: Member, path: Path) -> None:
        self._allow(self.total_bytes + member.size)
        path.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with path.open("xb") as file:
            for chunk in member.chunks():
                self._allow(self.total_bytes + len(chunk))
                file.write(chunk)
                size += len(chunk)
                self.total_bytes += len(chunk)
                if self._on_bytes:
                    self._on_bytes(len(chunk))
        if size != member.size:
            raise self._refused(f"ends in the middle of {member.name!r}")
        self.files += 1

    def _allow(self, total: int) -> None:
        if total > self._limits.total_bytes:
            raise self._refused(f"holds more than {self._limits.total_bytes} bytes")
        if total > max(self._limits.ratio_from, self._packed * self._limits.ratio):
            raise self._refused(f"grows to more than {self._limits.ratio} times its size")

    def _link_hard(self, member: Member, path: Path) -> None:
        source = self._path(member.link)
        if source is None or not source.is_file():
            raise self._refused(f"holds the link {member.name!r} to {member.link!r}, which is not before it")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(source)
        self.files += 1

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise self._refused(f"holds {name!r} twice, or as a file and a folder") from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise self._refused(f"holds {name[:80]!r}, a name too long for this machine") from None
            raise

    def _leads_to_member(self, root: Path, path: Path) -> bool:
        try:
            return path.resolve(strict=True).is_relative_to(root)
        except (OSError, RuntimeError):  # nowhere, or a circle
            return False

    def _short(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _refused(self, what: str) -> ArchiveError:
        return ArchiveError(self._archive.name, what, "Pack it again without that.")
