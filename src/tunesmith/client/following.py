"""Follows the log of a job over a connection that may break."""

import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing

from tunesmith.client.errors import APIError, ConnectionFailedError, ServerError, refusal
from tunesmith.client.server_events import ServerEvent, server_events
from tunesmith.client.session import Session

PAUSE_SECONDS = 1.0
_UNAUTHORIZED = 401
_ACCEPT = "text/event-stream"


class LogFollower:
    """Reads a log to the job's end. After a break it goes on with the line that follows the last one read.

    Args:
        session: who reads.
        path: of the log.
        patience: seconds without any answer after which it gives up.
    """

    def __init__(self, session: Session, path: str, patience: float) -> None:
        self._session = session
        self._path = path
        self._patience = patience
        self._position = ""
        self._ended = False

    def lines(self) -> Iterator[str]:
        """Pieces of the log, each of whole lines.

        Raises:
            APIError: the server refuses, from the start or later.
            ConnectionFailedError: it does not answer any more.
        """
        heard = time.monotonic()
        while not self._ended:
            try:
                with closing(self._connected()) as events:
                    for event in events:
                        heard = time.monotonic()
                        if text := self._taken(event):
                            yield text
            except (ConnectionFailedError, ServerError):
                if time.monotonic() - heard > self._patience:
                    raise
            if not self._ended:
                time.sleep(PAUSE_SECONDS)

    def _connected(self) -> Generator[ServerEvent]:
        headers = {"Accept": _ACCEPT} | ({"Last-Event-ID": self._position} if self._position else {})
        with self._session.stream(self._path, headers=headers) as chunks:
            yield from server_events(chunks)

    def _taken(self, event: ServerEvent) -> str:
        self._position = event.id or self._position
        match event.name:
            case "":
                return f"{event.data}\n"
            case "end":
                self._ended = True
            case "error":
                error = _refusal(event.data)
                if error.status != _UNAUTHORIZED:  # the login expired: the next connection logs in again
                    raise error
        return ""


def _refusal(data: str) -> APIError:
    body = json.loads(data)
    return refusal(int(body["error_code"]), body, "the server refuses to go on")
