"""Publishes results beside the training, so that a slow store does not hold it up."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

STOP_PATIENCE_SECONDS = 1.0


class Publisher:
    """Calls `publish` in a thread of its own, never twice at a time."""

    def __init__(self, publish: Callable[[], None]) -> None:
        self._publish = publish
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publish")
        self._asked: list[Future[None]] = []

    def ask(self) -> None:
        """Publish soon. Raises what an earlier call of `publish` raised."""
        done = [future for future in self._asked if future.done()]
        for future in done:
            future.result()
        self._asked = [future for future in self._asked if future not in done]
        # One that has not begun yet will see the new files too.
        if not any(not future.running() for future in self._asked):
            self._asked.append(self._pool.submit(self._publish))

    def finish(self) -> None:
        """Wait until everything asked for is published, and raise what went wrong."""
        for future in self._asked:
            future.result()
        self._asked = []
        self._pool.shutdown()

    def leave(self) -> None:
        """Give what is asked for a moment to be published; what is not, is published by the next run."""
        wait(self._asked, timeout=STOP_PATIENCE_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)
