"""What a folder needs that a bucket does not: links must not lead out of it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tunesmith.storage.errors import StorageError

# obstore gives names like the first to half-written files, and takes the second for drives.
_UNUSABLE = re.compile(r"^[^#]*#[0-9]+$|[A-Za-z][:|]$")


def check_place(root: Path, key: str) -> None:
    """Refuse a key that no folder can hold, or that a symbolic link takes out of the root.

    Raises:
        StorageError: naming the key. A path that does not exist (yet) is judged by the part that does.
    """
    name = key.rsplit("/", maxsplit=1)[-1]
    if _UNUSABLE.search(name):
        raise StorageError(
            f"The file {key} cannot be kept in the folder {root}; rename it, without {name[-2:]}."
        )
    if not _inside(root, root / key):
        raise StorageError(
            f"The file {key} in the folder {root} is behind a link that leads out of it; "
            "replace the link with the file itself."
        )


def walk(root: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """The plain files below a prefix as (key, facts), in order of their keys.

    Links inside the root count as what they point to. Links that lead out or nowhere, devices, and what a
    killed write left half done are left out. A folder that is reached again from within itself is not
    entered twice.
    """
    start = root / prefix if prefix else root
    if start.is_dir() and _inside(root, start):
        yield from _walk(root, start, f"{prefix}/" if prefix else "", (start.resolve(),))


def _walk(
    root: Path, folder: Path, base: str, trail: tuple[Path, ...]
) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = Path(entry.path)
        if entry.is_symlink() and not _inside(root, path):
            continue
        if entry.is_file() and not _UNUSABLE.search(entry.name):
            yield base + entry.name, entry.stat()
        elif entry.is_dir() and (real := path.resolve()) not in trail:
            yield from _walk(root, path, f"{base}{entry.name}/", (*trail, real))


def _inside(root: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return False
