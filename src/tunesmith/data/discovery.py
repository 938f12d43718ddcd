"""Finds the folders that would make a dataset, by the names of their files alone.

The listing is read once, in order. A folder is judged when the listing has left it, and only the few names
that a layout asks for are kept: memory depends on how deep folders lie, not on how many files there are.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

from tunesmith.data.layout import Layout

_ENDING = re.compile(r"\*[^*?\[]+")


class Wanted:
    """The layouts that are looked for, and the uses that a folder must allow."""

    def __init__(self, layouts: Iterable[Layout], intents: Collection[str] = ()) -> None:
        self._layouts = tuple(layouts)
        self._intents = tuple(intents)
        every = {name for layout in self._layouts for need in layout.needs for name in need.any_of}
        patterns = sorted(name for name in every if "*" in name)
        self._endings = tuple(name[1:] for name in patterns if _ENDING.fullmatch(name))
        self._patterns = tuple(name for name in patterns if not _ENDING.fullmatch(name))
        self._plain = {name: name.count("/") for name in every if "*" not in name}
        self._depths = sorted(set(self._plain.values()))

    def fits(self, names: Collection[str]) -> bool:
        """Whether a folder with these files would make a dataset of one of the layouts."""
        return any(not layout.missing(names, self._intents) for layout in self._layouts)

    def asked_for(self, key: str) -> Iterator[tuple[str, str]]:
        """The folders that a file counts for, each with the file's name in it.

        A pattern's star may stand for folders too; here the file counts for its own folder alone, or every
        folder above a video would be found.
        """
        parts = key.split("/")
        for depth in self._depths:
            name = "/".join(parts[-depth - 1 :])
            if len(parts) > depth + 1 and name in self._plain:
                yield "/".join(parts[: -depth - 1]), name
        if len(parts) > 1:
            # One file stands for all that match: this keeps what is remembered small.
            yield from (("/".join(parts[:-1]), f"one{name}") for name in self._matched(parts[-1]))

    def _matched(self, name: str) -> Iterator[str]:
        """What is left of the patterns that a name matches, without their stars."""
        if name.endswith(self._endings):
            yield from (ending for ending in self._endings if name.endswith(ending))
        yield from (one.replace("*", "") for one in self._patterns if fnmatchcase(name, one))


def find(keys: Iterable[str], wanted: Wanted) -> Iterator[str]:
    """The folders that would make a dataset, as soon as they are known. `keys` come folder by folder."""
    entered: dict[str, set[str]] = {}
    for key in keys:
        for left in [folder for folder in entered if not key.startswith(f"{folder}/")]:
            if wanted.fits(entered.pop(left)):
                yield left
        for folder, name in wanted.asked_for(key):
            entered.setdefault(folder, set()).add(name)
    yield from (folder for folder, names in entered.items() if wanted.fits(names))
