"""What a folder needs that a bucket does not: links must not lead out of it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tunesmith.storage.errors import StorageError

# How obstore names a file while it is written.
_HALF_WRITTEN = re.compile(r"^[^#]*#[0-9]+$")


def refuse_way_out(root: Path, key: str) -> None:
    """Refuse a key that a symbolic link takes out of the root.

    Raises:
        StorageError: naming the key. A path that does not exist (yet) is judged by the part that does.
    """
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
        if _HALF_WRITTEN.search(entry.name) or (entry.is_symlink() and not _inside(root, path)):
            continue
        if entry.is_file():
            yield base + entry.name, entry.stat()
        elif entry.is_dir() and (real := path.resolve()) not in trail:
            yield from _walk(root, path, f"{base}{entry.name}/", (*trail, real))


def _inside(root: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a circle of links
        return False
