"""Uploads of results: each file once, and those that belong together as they were at one moment."""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tunesmith.storage.files import Files

State = tuple[int, int]
"""Size in bytes and time of the last change (ns), which tell a state of a file from others."""


@dataclass(frozen=True)
class Upload:
    """A file to be uploaded.

    Attributes:
        file: opened already if another file may get its name meanwhile.
    """

    path: Path
    key: str
    file: BinaryIO | None


class Uploads:
    """Knows which results are in the workspace.

    What is pending is taken by the thread that makes the results, when they are in order, and uploaded by
    another.

    Args:
        folder: the results.
        replaced: names of files that are replaced while the job runs, in the order in which to upload
            them: each may speak of those before it, and of all files with other names.
    """

    def __init__(self, folder: Path, replaced: Collection[str]) -> None:
        self._folder = folder
        self._replaced = tuple(replaced)
        self._done: dict[str, State] = {}

    def pending(self) -> list[Upload]:
        """Everything that is new or changed since its upload. It must be given to `upload` or `drop`."""
        found = [path for path in self._folder.rglob("*") if self._is_pending(path)]
        return [self._upload(path) for path in sorted(found, key=self._rank)]

    def upload(self, uploads: Iterable[Upload], target: Files) -> None:
        """Upload the files. Those that fail are pending again.

        Raises:
            StorageError: a file could not be uploaded; neither are those behind it.
        """
        waiting = list(uploads)
        try:
            for one in waiting:
                with one.file or one.path.open("rb") as file:
                    state = _state(os.fstat(file.fileno()))
                    # It may have been pending twice, while an upload ran.
                    if self._done.get(one.key) != state:
                        target.upload_open(file, one.key)
                self._done[one.key] = state
        finally:
            drop(waiting)

    def mark(self, path: Path) -> None:
        """A result is in the workspace as it is here."""
        self._done[self._key(path)] = _state(path.stat())

    def _is_pending(self, path: Path) -> bool:
        if path.name.endswith((".part", ".part-of")) or not path.is_file():
            return False
        return self._done.get(self._key(path)) != _state(path.stat())

    def _upload(self, path: Path) -> Upload:
        key = self._key(path)
        return Upload(path, key, path.open("rb") if key in self._replaced else None)

    def _rank(self, path: Path) -> tuple[int, str]:
        key = self._key(path)
        return (self._replaced.index(key) + 1 if key in self._replaced else 0), key

    def _key(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def drop(uploads: Iterable[Upload]) -> None:
    """Do not upload these now: they stay pending."""
    for one in uploads:
        if one.file:
            one.file.close()


def _state(facts: os.stat_result) -> State:
    return facts.st_size, facts.st_mtime_ns
