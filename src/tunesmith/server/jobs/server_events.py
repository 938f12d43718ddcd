"""Server-sent events: lines of a log, and messages, in the form that browsers and clients read."""

import json
import re
from typing import Any

_LINE_END = re.compile(rb"\r\n|\n|\r(?=.)", re.DOTALL)
_LONGEST_LINE = 1 << 16
"""Bytes after which a line is cut: something that never ends a line must not fill the memory."""

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE = b": keep-alive\n\n"
HEAD = b"retry: 1000\n\n"
"""How long clients wait, in milliseconds, before they come again."""


def event(name: str, data: dict[str, Any]) -> bytes:
    """A message with a name."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


class LogLines:
    """Turns the bytes of a log into events of whole lines, each with the position where the next one begins.

    A carriage return begins a new line, as for progress bars that draw over themselves. What is not UTF-8
    is shown by replacement characters.
    """

    def __init__(self, position: int) -> None:
        self.position = position
        """Where the log goes on after the last line that was handed out."""
        self._torn = b""

    @property
    def end(self) -> int:
        """Where the log goes on after the last byte that came in."""
        return self.position + len(self._torn)

    def add(self, content: bytes) -> bytes:
        """The events for lines that are whole now; nothing if there are none."""
        text = self._torn + content
        lines, used = [], 0
        for found in _LINE_END.finditer(text):
            lines.append(text[used : found.start()])
            used = found.end()
        if len(text) - used > _LONGEST_LINE:
            lines.append(text[used:])
            used = len(text)
        self._torn = text[used:]
        self.position += used
        return self._event(lines)

    def skip(self, dropped: int, notice: bytes) -> bytes:
        """The rest of the line at hand, and a notice in place of bytes that are no longer there."""
        rest = self.flush()
        self.position += dropped
        return rest + self._event(notice.strip().splitlines())

    def flush(self) -> bytes:
        """The event for a last line that has no end."""
        lines = [self._torn.rstrip(b"\r")] if self._torn else []
        self.position, self._torn = self.end, b""
        return self._event(lines)

    def _event(self, lines: list[bytes]) -> bytes:
        if not lines:
            return b""
        data = "\n".join(f"data: {line.decode('utf-8', errors='replace')}" for line in lines)
        return f"id: {self.position}\n{data}\n\n".encode()
