"""What a worker wrote into the job folder of a node, and the server does not have yet."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from tunesmith.protocol import ENDINGS, MOST_EVENTS_BYTES, MOST_LOG_BYTES, Event, JobFolder, Report
from tunesmith.protocol.events import EVENT

LEAST_BYTES = 1 << 14
"""Pieces are not made smaller than that, whatever stands between the node and the server."""


class Outbox:
    """Cuts the events and the log of a folder into reports.

    Attributes:
        known: it is known how far the server has the files. They were empty at first, or it has said so.
        ended: the server has been told how the job ended.
    """

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._most_events, self._most_log = MOST_EVENTS_BYTES, MOST_LOG_BYTES
        self._events_offset = self._log_offset = 0
        self._end_of_ending: int | None = None
        self.known = not any(_read(path, 0, 1) for path in (folder.events_path, folder.log_path))
        self.ended = False

    def report(self, attempt: int) -> Report:
        """The next report; without events and log if there is nothing new, or nothing known.

        The events are read first, so that the log has what was written before them. How the job ended is left
        to the report with the end of the log.

        Raises:
            OSError: the files cannot be read.
        """
        if not self.known:
            return Report(attempt=attempt)
        events = _read(self._folder.events_path, self._events_offset, self._most_events)
        log = _read(self._folder.log_path, self._log_offset, self._most_log)
        return Report(
            attempt=attempt,
            events_offset=self._events_offset,
            events=b"".join(self._lines(events, with_ending=len(log) < self._most_log)),
            log_offset=self._log_offset,
            log=log,
        )

    def take(self, events_offset: int, log_offset: int) -> None:
        """The server has the files as far as that."""
        self._events_offset, self._log_offset = events_offset, log_offset
        self.known = True
        self.ended = self._end_of_ending is not None and events_offset >= self._end_of_ending

    def cut(self) -> bool:
        """Make smaller pieces from now on: something on the way lets none through that is so large.

        False if they cannot be made smaller.
        """
        before = self._most_events, self._most_log
        self._most_events = max(LEAST_BYTES, self._most_events // 2)
        self._most_log = max(LEAST_BYTES, self._most_log // 2)
        return before != (self._most_events, self._most_log)

    def _lines(self, data: bytes, *, with_ending: bool) -> Iterator[bytes]:
        """Whole lines. What is no event is blanked, for the server takes events alone.

        A line that a killed worker left torn is none. So is a part of one that is too long for a report.
        """
        if len(data) == self._most_events and b"\n" not in data:
            yield _blank(data)
        offset = self._events_offset
        for line in data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]:
            offset += len(line) + 1
            event = _event(line)
            if isinstance(event, ENDINGS):
                if not with_ending:
                    return
                self._end_of_ending = offset
            yield line + b"\n" if event else _blank(line + b"\n")


def _event(line: bytes) -> Event | None:
    with suppress(ValidationError):
        return EVENT.validate_json(line)
    return None


def _blank(line: bytes) -> bytes:
    return b" " * (len(line) - 1) + b"\n"


def _read(path: Path, offset: int, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(most)
    except FileNotFoundError:
        return b""
