"""Downloads that survive a kill: what has arrived is kept and continued, if the object is the same."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tunesmith.storage.errors import StorageError


@dataclass(frozen=True)
class Version:
    """Which object, in which state, a part file belongs to. None and "" stand for what is not known."""

    key: str
    size: int | None
    etag: str


class PartFile:
    """`<name>.part` and the note beside it that says what it is a part of."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part-of")

    def begin(self, version: Version) -> int:
        """Prepare for this version; how many of its bytes are there already."""
        with self._named():
            self._target.parent.mkdir(parents=True, exist_ok=True)
            known = version.size is not None and version.etag != ""
            if known and self._noted() == version and self._part.exists():
                return min(self._part.stat().st_size, version.size or 0)
            self._part.unlink(missing_ok=True)
            self._note.write_text(json.dumps(asdict(version)), encoding="utf-8")
        return 0

    def write(self, chunks: Iterator[bytes], start: int, on_bytes: Callable[[int], None] | None) -> int:
        """Append the chunks behind byte `start`; the size of the part file afterwards."""
        size = start
        with self._named(), self._part.open("ab") as part:
            part.truncate(start)
            for chunk in chunks:
                part.write(chunk)
                size += len(chunk)
                if on_bytes:
                    on_bytes(len(chunk))
            part.flush()
            os.fsync(part.fileno())
        return size

    def finish(self, modified: float) -> None:
        """Give the part file its name, and the time (seconds since 1970) at which its object was modified."""
        with self._named():
            os.utime(self._part, (modified, modified))
            self._part.replace(self._target)
            self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget what has arrived."""
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _noted(self) -> Version | None:
        try:
            return Version(**json.loads(self._note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None  # no note, or one that a kill left unfinished

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"Could not write {self._target}: {error.strerror or error}.") from error
