"""The layout of a job folder, and the only code that reads or writes its protocol files."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from tunesmith.protocol.events import EVENT, Done, Event, Failed, Interrupted
from tunesmith.protocol.request import JobRequest

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""How a file system says that it takes no more."""
_RESERVE_BYTES = 1 << 16

ENDINGS = (Done, Failed, Interrupted)
"""The events that say how a job ended."""


def append_bytes(path: Path, data: bytes) -> None:
    """Write at the end of a file.

    Raises:
        OSError: the file system does not take it; a part may have been written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)


class JobFolder:
    """One job's folder: request.json, events.jsonl, log.txt, results/ and scratch/."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.request_path = root / "request.json"
        self.events_path = root / "events.jsonl"
        self.log_path = root / "log.txt"
        self.results = root / "results"
        self.scratch = root / "scratch"
        self.lock_path = root / "worker.lock"
        self.reserve_path = root / "reserve"

    def create(self, request: JobRequest) -> None:
        """Lay out the folder for a run; a run that continues keeps the events and results it has."""
        for folder in (self.root, self.results, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        whole = self.request_path.with_suffix(".new")
        whole.write_text(request.model_dump_json(indent=1), encoding="utf-8")
        whole.replace(self.request_path)
        self.end_torn_line()
        with self.reserve_path.open("ab") as reserve:
            os.posix_fallocate(reserve.fileno(), 0, _RESERVE_BYTES)

    def end_torn_line(self) -> None:
        """A worker killed while it wrote leaves half a line: the next run must not write behind it."""
        if self.events_path.exists() and (size := self.events_path.stat().st_size):
            with self.events_path.open("r+b") as events:
                events.seek(size - 1)
                if events.read(1) != b"\n":
                    events.write(b"\n")

    def request(self) -> JobRequest:
        """The request as written by the server."""
        return JobRequest.model_validate_json(self.request_path.read_bytes())

    def append(self, event: Event) -> None:
        """Write one event: a single write of a whole line, so that a reader never sees half of two.

        On a full disk, how the job ended is written in the place of a reserve.

        Raises:
            OSError: the file system does not take it.
        """
        line = EVENT.dump_json(event) + b"\n"
        try:
            append_bytes(self.events_path, line)
        except OSError as error:
            if error.errno not in DISK_FULL or not isinstance(event, ENDINGS):
                raise
            self.reserve_path.unlink(missing_ok=True)
            append_bytes(self.events_path, b"\n" + line)  # what came before may have been written in part

    def events_size(self) -> int:
        """Bytes of events that are here."""
        return self.events_path.stat().st_size if self.events_path.exists() else 0

    def log_tail(self, lines: int = 20) -> list[str]:
        """The last lines of the log; empty when there is none yet."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - 64 * 1024))
                text = log.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return text.splitlines()[-lines:]


class EventTail:
    """Reads the events of a folder from a byte offset on; the offset moves past whole lines only."""

    def __init__(self, folder: JobFolder, offset: int = 0) -> None:
        self._path = folder.events_path
        self.offset = offset

    def read(self) -> Iterator[Event]:
        """The events written since the last call. A line that a killed worker left unfinished stays."""
        try:
            with self._path.open("rb") as events:
                events.seek(self.offset)
                data = events.read()
        except FileNotFoundError:
            return
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            self.offset += len(line)
            try:
                yield EVENT.validate_json(line)
            except ValidationError:
                continue  # half a line of a killed worker, see JobFolder.end_torn_line
