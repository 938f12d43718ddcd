"""Wakes the scheduler: nothing waits for a polling tick."""

import threading


class Hint:
    """Set from any thread after a commit; many hints before a look count as one."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def wake(self) -> None:
        """There is something to look at."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Until there is something to look at, or the time is over."""
        self._event.wait(seconds)
        self._event.clear()
