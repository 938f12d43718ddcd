"""Brings the one file behind an address here, as the files of a dataset."""

import shutil
from pathlib import Path

from tunesmith.data.inside import Inside
from tunesmith.data.layout import Layout
from tunesmith.data.progress import PullProgress, raise_if
from tunesmith.storage.archives import extract
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import FileInfo, Files
from tunesmith.storage.locations import FolderStore, Location

_ROOM_CHECK = 64 << 20
_SPARE = 256 << 20


def unpacked(source: Files, inside: Inside) -> Files:
    """The files of a dataset that one address gives: what its archive holds, or the one file that it is.

    An archive holds them at its root or in one of its folders. A file that by itself is all that the layout
    needs stays as it is. A kill costs at most the unpacking: the download is continued.

    Raises:
        ArchiveError: it is no archive, or one that is damaged, too large or dangerous.
        StorageError: the address cannot be read, or this machine has no room.
        PullStoppedError: asked to stop; the next call continues.
    """
    folder = inside.folder
    if not folder.files.exists():
        download = folder.root / "download"
        (info,) = source.list()
        file = download / info.key
        if not file.exists():
            _download(source, info, file, inside)
        root = _root_of(file, folder.root / "unpacked", inside)
        root.rename(folder.files)
        shutil.rmtree(folder.root / "unpacked", ignore_errors=True)
        shutil.rmtree(download, ignore_errors=True)
    return Files(Location(store=FolderStore(id="unpacked", path=folder.files)), {})


def _download(source: Files, info: FileInfo, file: Path, inside: Inside) -> None:
    done = looked_at = 0

    def on_bytes(count: int) -> None:
        nonlocal done, looked_at
        raise_if(inside.should_stop)
        done += count
        if done >= looked_at:
            looked_at = done + _ROOM_CHECK
            _require_room(inside.folder.root, max(0, info.size - done))
        inside.on_progress(PullProgress("downloading", 0, 1, done, max(info.size, done)))

    on_bytes(0)
    source.download(info.key, file, on_bytes)


def _require_room(root: Path, wanted: int) -> None:
    free = shutil.disk_usage(root).free
    if wanted + _SPARE > free:
        raise StorageError(
            f"The file behind the address needs more room in {root}, where {free / 1e6:.0f} MB are free; "
            "free some and pull again."
        )


def _root_of(file: Path, target: Path, inside: Inside) -> Path:
    """A folder with the dataset's files."""
    if not inside.layout.missing([file.name], inside.intents):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        (target / file.name).hardlink_to(file)
        return target
    if not target.exists():
        inside.on_progress(PullProgress("extracting", 0, 1))
        extract(file, target, on_bytes=lambda _count: raise_if(inside.should_stop))
    return _fitting(target, inside.layout, inside.intents)


def _fitting(root: Path, layout: Layout, intents: tuple[str, ...]) -> Path:
    """The folder, or the one below it, that holds the layout's files; if none does, the likeliest."""
    below = sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    for candidate in (root, *below):
        if not layout.missing(_keys(candidate), intents):
            return candidate
    return below[0] if len(below) == 1 and not any(path.is_file() for path in root.iterdir()) else root


def _keys(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
