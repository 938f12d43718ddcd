"""Keeps a tracker away from the training: it can be slow, hang or fail, and the training does not notice."""

import queue
import re
import threading
import time
from collections.abc import Callable

from tunesmith.training.engine.sinks.base import Ending, Point, Sink

ROOM = 1000
"""Points that may wait to be sent."""
PATIENCE = {Ending.FINISHED: 20.0, Ending.STOPPED: 1.0, Ending.FAILED: 2.0}
"""Seconds that a tracker has for the rest when the training ends."""
UNHEARD_PATIENCE = 3.0
"""The same for one that has not answered in all of the training, if that was longer than the patience."""

_LONGEST_REASON = 300
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


class Background:
    """One tracker in a thread of its own, behind a queue.

    Args:
        sink: the tracker.
        note: tells the user something.
        secrets: values that no message may show.
    """

    def __init__(self, sink: Sink, note: Callable[[str], None], secrets: frozenset[str]) -> None:
        self._sink = sink
        self._note = note
        self._secrets = secrets
        self._queue: queue.Queue[Point | Ending] = queue.Queue(ROOM)
        self._dead = False
        self._late = False
        self._opened = False
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._work, name=f"sink-{sink.name}", daemon=True)
        self._thread.start()

    def record(self, point: Point) -> None:
        """Have a point sent; it is left out if too many are waiting."""
        if self._dead:
            return
        try:
            self._queue.put_nowait(point)
        except queue.Full:
            if not self._late:
                self._late = True
                self._note(f"{self._sink.name} does not keep up: some of the curves are not there.")

    def close(self, ending: Ending) -> None:
        """Have the rest sent, as long as there is patience for that."""
        if self._dead:
            return
        try:
            self._queue.put_nowait(ending)
        except queue.Full:
            return  # it was told that it does not keep up
        self._thread.join(self._patience(ending))
        if self._thread.is_alive() and not self._dead:
            self._dead = True
            self._note(f"{self._sink.name} did not answer in time: the last of the curves may not be there.")

    def _patience(self, ending: Ending) -> float:
        if self._opened:
            return PATIENCE[ending]
        # A tracker may take longer to open than a short training takes.
        had = time.monotonic() - self._began
        return max(min(PATIENCE[ending], UNHEARD_PATIENCE), PATIENCE[ending] - had)

    def _work(self) -> None:
        try:
            self._sink.open()
            self._opened = True
            while not isinstance(item := self._queue.get(), Ending):
                self._sink.record(item)
            self._sink.close(item)
        except Exception as error:  # noqa: BLE001 - the edge to somebody else's library and service
            if not self._dead:
                self._dead = True
                self._note(f"{self._sink.name} is left out from here on: {self._reason(error)}")

    def _reason(self, error: Exception) -> str:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _CREDENTIALS.sub("***", text)[:_LONGEST_REASON]
