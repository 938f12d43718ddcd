"""Wakes the scheduler: nothing waits for a polling tick."""

import threading
from collections.abc import Callable


class Hint:
    """Set from any thread after a commit; many hints before a look count as one."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.relay: Callable[[], None] = lambda: None
        """Passes a hint on to other servers of the same database; must not wait."""

    def wake(self) -> None:
        """There is something to look at, for whichever server can do something about it."""
        self._event.set()
        self.relay()

    def wake_here(self) -> None:
        """There is something to look at for this server."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Until there is something to look at, or the time is over."""
        self._event.wait(seconds)
        self._event.clear()
