"""Brings together files that belong together: a point cloud and its label, an image and its annotation."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith.data.image_tree import files_below


@dataclass(frozen=True)
class Kind:
    """The files of one kind.

    Attributes:
        by_key: the files by the key that they share with their partners.
        repeated: files whose key another one has already.
    """

    by_key: dict[str, Path] = field(default_factory=dict)
    repeated: list[Path] = field(default_factory=list)


def kind(root: Path, suffixes: Collection[str], folders: Collection[str] = ()) -> Kind:
    """The files below a folder that have one of the suffixes.

    Their key is the path below the root without the suffix and without the folders named, which tell one
    kind from another: `a/lidar/7.bin` and `a/label/7.txt` have the key `a/7`. No file, no folder: no key.
    """
    found = Kind()
    for path in files_below(root) if root.is_dir() else ():
        if path.suffix.lower() not in suffixes:
            continue
        parts = path.relative_to(root).with_suffix("").parts
        key = "/".join([*(part for part in parts[:-1] if part not in folders), parts[-1]])
        if key in found.by_key:
            found.repeated.append(path)
        else:
            found.by_key[key] = path
    return found


def folder_named(root: Path, name: str) -> Path | None:
    """The folder of this name that lies nearest below the root, or the first of the nearest ones."""
    level = [root] if root.is_dir() else []
    while level:
        for folder in level:
            if (found := folder / name).is_dir():
                return found
        level = [
            child
            for folder in level
            for child in sorted(folder.iterdir())
            if child.is_dir() and not child.is_symlink() and not child.name.startswith(".")
        ]
    return None
