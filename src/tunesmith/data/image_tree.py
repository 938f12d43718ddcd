"""Finds the images in a folder that was an archive, and the class folders that they lie in."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith.data.classes import canonical
from tunesmith.data.suffixes import IMAGE_SUFFIXES

_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True)
class ImageTree:
    """The images below a folder; all lists are sorted.

    Attributes:
        folder: the extracted archive, which bears its name.
        root: the folder that holds the class folders, below any top folder of the archive.
        by_folder: the images by the first folder below the root; empty folders count.
        loose: images in the root itself.
        others: files that are no images.
    """

    folder: Path
    root: Path
    by_folder: dict[str, list[Path]] = field(default_factory=dict)
    loose: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)

    def images(self) -> list[Path]:
        """All images."""
        return sorted([*self.loose, *(path for paths in self.by_folder.values() for path in paths)])

    def member(self, path: Path) -> str:
        """A file as the user knows it: the archive, and the path in it."""
        return f"{self.folder.name}.tar.gz/{path.relative_to(self.folder).as_posix()}"


def image_tree(folder: Path, classes: Collection[str] = ()) -> ImageTree:
    """What an archive's folder holds. Hidden files and what file managers leave behind do not count."""
    root = _below_top(folder, classes)
    by_folder: dict[str, list[Path]] = {}
    loose: list[Path] = []
    others: list[Path] = []
    for child in _children(root):
        if child.is_dir():
            images = by_folder.setdefault(child.name, [])
            for path in files_below(child):
                (images if is_image(path) else others).append(path)
        else:
            (loose if is_image(child) else others).append(child)
    return ImageTree(folder, root, by_folder, loose, others)


def _below_top(folder: Path, classes: Collection[str]) -> Path:
    """Archives usually hold one top folder, of their own name or another; sometimes several nested ones."""
    while True:
        children = [child for child in _children(folder) if child.is_dir() or is_image(child)]
        if len(children) != 1 or not children[0].is_dir() or _is_class(children[0], folder.name, classes):
            return folder
        folder = children[0]


def _is_class(folder: Path, above: str, classes: Collection[str]) -> bool:
    if canonical(folder.name) in classes:
        return True
    return folder.name != above and any(is_image(child) for child in _children(folder))


def _children(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if not _is_junk(entry.name))


def files_below(folder: Path) -> Iterator[Path]:
    """All files of a folder and its subfolders, sorted; neither hidden ones nor what file managers leave."""
    for child in _children(folder):
        if child.is_dir():
            if not child.is_symlink():  # a link to a folder above would never end
                yield from files_below(child)
        else:
            yield child


def is_image(path: Path) -> bool:
    """Whether the file's name says that it is an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK
