"""Publishes results beside the training, so that a slow store does not hold it up, and one that is gone for a
while does not end it."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

from tunesmith.storage.errors import StoreUnavailableError
from tunesmith.training.run import Run
from tunesmith.training.uploads import Upload, drop

STOP_PATIENCE_SECONDS = 10.0
"""A job that stops may go on elsewhere, from what was published: half of the time it has by default."""
END_PATIENCE_SECONDS = 900.0
"""At the end everything has been computed: it is worth waiting a quarter of an hour for the store."""
_PAUSE_SECONDS = 5.0


class Publisher:
    """Publishes in a thread of its own, never twice at a time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publish")
        self._guard = threading.Lock()
        self._waiting: list[Upload] | None = None
        self._asked: list[Future[None]] = []
        self._told = False

    def ask(self) -> None:
        """Publish the results as they are now, soon. What waits since an earlier call is replaced.

        Raises:
            StorageError: an earlier call failed in a way that does not pass.
        """
        done = [future for future in self._asked if future.done()]
        self._asked = [future for future in self._asked if future not in done]
        for future in done:
            self._raise_if_lasting(future)
        pending = self._run.uploads.pending()
        with self._guard:
            replaced, self._waiting = self._waiting, pending
        if replaced is None:
            self._asked.append(self._pool.submit(self._publish))
        else:
            drop(replaced)

    def finish(self) -> None:
        """Wait until everything is published. While the store does not answer, it is asked again.

        Raises:
            StoppedError: asked to stop meanwhile; the next attempt publishes the rest.
            StorageError: the store has not answered for long, or refuses.
        """
        deadline = time.monotonic() + END_PATIENCE_SECONDS
        self.ask()
        while (failure := self._run.interruptible(self._newest_failure)) is not None:
            if not isinstance(failure, StoreUnavailableError) or time.monotonic() > deadline:
                raise failure
            self._run.pause(_PAUSE_SECONDS)
            self.ask()
        self._pool.shutdown()

    def leave(self) -> None:
        """Give what is asked for a while to be published; what is not, is published by the next attempt."""
        wait(self._asked, timeout=STOP_PATIENCE_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _publish(self) -> None:
        with self._guard:
            uploads, self._waiting = self._waiting, None
        try:
            self._run.upload(uploads or ())
        except StoreUnavailableError as error:
            if not self._told:
                self._run.note(f"{error} The job goes on; its results are kept here until they can be sent.")
            self._told = True
            raise
        if self._told:
            self._run.note("The workspace answers again; the results are there.")
            self._told = False

    def _newest_failure(self) -> BaseException | None:
        return self._asked[-1].exception()

    def _raise_if_lasting(self, future: "Future[None]") -> None:
        failure = future.exception()
        if failure is not None and not isinstance(failure, StoreUnavailableError):
            raise failure
