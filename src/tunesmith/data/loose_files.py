"""Finds files of a dataset that has no fixed folders: as they lie in the store, or in any archive there."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tunesmith.data.image_tree import files_below
from tunesmith.data.layout import archive_stem
from tunesmith.data.pulled import PulledFolder

_ARCHIVE_DEPTH = 4


def loose_files(folder: PulledFolder) -> Iterator[Path]:
    """All files of a pulled dataset: those in no archive, and then those that were in one."""
    if folder.files.is_dir():
        yield from (path for path in files_below(folder.files) if not archive_stem(path.name))
    if folder.extracted.is_dir():
        yield from files_below(folder.extracted)


class FileIndex:
    """Finds files by the paths that somebody wrote into an annotation.

    A path is relative to the dataset; `a/images.tar.gz` stands for the folder `a/images` or for `a`, as an
    archive may hold a top folder or none. Paths of another machine are found too: leading folders that the
    dataset does not have are passed over.
    """

    def __init__(self, folder: PulledFolder) -> None:
        self._by_path: dict[str, Path] = {}
        for path in loose_files(folder):
            for name in _names(folder, path):
                self._by_path.setdefault(name, path)

    def find(self, path: str, base: str = "") -> Path | None:
        """The file that a path below a base folder stands for; None if there is none.

        Leading folders of the base, or of an absolute path, may be passed over; those of a relative path not:
        `1.jpg` below `/data/set/images` is `images/1.jpg` or `1.jpg`.
        """
        leading, ending = _parts(base), _parts(path)
        if path.startswith("/"):
            leading, ending = ending[:-1], ending[-1:]
        candidates = ("/".join([*leading[start:], *ending]) for start in range(len(leading) + 1))
        return next((self._by_path[name] for name in candidates if name in self._by_path), None)


def _names(folder: PulledFolder, path: Path) -> list[str]:
    if path.is_relative_to(folder.files):
        return [path.relative_to(folder.files).as_posix()]
    parts = path.relative_to(folder.extracted).parts
    return ["/".join(parts), *_without_archive(parts)]


def _without_archive(parts: tuple[str, ...]) -> Iterator[str]:
    """The path without the folder that is the archive, whichever that is, and without its own top folder."""
    for place in range(min(_ARCHIVE_DEPTH, len(parts) - 1)):
        before, name, after = parts[:place], parts[place], parts[place + 1 :]
        yield "/".join([*before, *after])
        if after[0] == name and len(after) > 1:
            yield "/".join([*before, *after[1:]])


def _parts(path: str) -> list[str]:
    """The parts of a path; nothing if it leads upwards."""
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    return [] if ".." in parts else parts
