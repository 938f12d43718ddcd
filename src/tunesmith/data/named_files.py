"""Finds the files that lists name: with or without the folders that an archive wraps around them."""

from collections.abc import Iterable
from pathlib import Path

from tunesmith.data.classes import canonical


class NamedFiles:
    """The files of a folder by name.

    A name is a path below the folder, or the end of one if a single file ends like that. It may begin with
    the folder's own name. No name leads out: names are looked up, and never joined to a path.
    """

    def __init__(self, folder: Path, files: Iterable[Path]) -> None:
        self._own = f"{folder.name}/"
        self._whole = {tidy(path.relative_to(folder).as_posix()): path for path in files}
        self._ends: dict[str, Path | None] = {}
        for name, path in self._whole.items():
            parts = name.split("/")
            for start in range(1, len(parts)):
                end = "/".join(parts[start:])
                self._ends[end] = None if end in self._ends else path

    def find(self, name: str) -> Path | None:
        """The file of this name; None if there is none, or several."""
        wanted = tidy(name)
        return self._find(wanted) or self._find(wanted.removeprefix(self._own))

    def _find(self, name: str) -> Path | None:
        return self._whole.get(name) or self._ends.get(name)


def tidy(name: str) -> str:
    """A relative path as names are compared: with slashes, without empty parts, dots and odd accents."""
    parts = name.strip().replace("\\", "/").split("/")
    return canonical("/".join(part for part in parts if part not in {"", "."}))


def is_plain(text: str, longest: int = 200) -> bool:
    """Whether a text can be the name of a class: not empty, not too long, all of it printable."""
    return 0 < len(text) <= longest and text.isprintable()
