"""One attempt to run a job, as far as it happens on this node."""

import threading
from collections.abc import Callable

import structlog

from tunesmith.cluster.home import Home
from tunesmith.cluster.parts import Ending, Held, Key, Part
from tunesmith.cluster.reporter import Reporter
from tunesmith.protocol import JobFolder
from tunesmith.protocol.lease import clock
from tunesmith.workers.base import Demand, ExecutorError, Slot
from tunesmith.workers.local import LocalExecutor
from tunesmith.workers.orders import Adoption
from tunesmith.workers.worker import LocalWorker

_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 900.0
"""How long the last events are sent at most, while a server keeps the job."""

_log = structlog.get_logger()


class Stay:
    """A worker of this node, and what tells its server of it. Methods may be called from any thread."""

    def __init__(
        self, held: Held, home: Home, executor: LocalExecutor, on_end: Callable[["Stay"], object]
    ) -> None:
        """Args:
        held: the part of the attempt that is this node's.
        home: the node's folders.
        executor: starts the worker.
        on_end: called from a thread of its own, when the worker is gone and all is delivered.
        """
        self.held = held
        self.ending: Ending | None = None
        self._home = home
        self._executor = executor
        self._on_end = on_end
        self._folder: JobFolder = home.folder(held.key)
        self._worker: LocalWorker | None = None
        self._reporter: Reporter | None = None
        self._lease_seconds = 0.0
        self._held_at = float("-inf")
        self._stopping = self._killed = False
        self._guard = threading.Lock()

    @property
    def key(self) -> Key:
        """The attempt."""
        return self.held.key

    def begin(self, part: Part, at: float) -> None:
        """Start the worker, whose job a server was known to hold at that time on this node's clock.

        Raises:
            ExecutorError: there is no worker; the message says why.
        """
        self._held_at = at
        self._home.remove(self.key)
        try:
            self._folder.create(self._home.at_home(part.request))
        except OSError as error:
            raise ExecutorError(f"its folder {self._folder.root} cannot be made: {error.strerror}") from None
        launch = part.launch.model_copy(update={"folder": self._folder.root})
        worker = self._executor.launch(launch, Demand(Slot.CPU), lambda: self._held_at)
        if self.held.node == 0:
            self._report(part.report_url, launch.token, launch.lease_seconds)
        self._follow(worker, launch.lease_seconds)

    def adopt(self, adoption: Adoption, at: float) -> bool:
        """Go on with a worker that another process of this node has started. False if it is not there."""
        self._held_at = at
        worker = self._executor.adopt(self.key.job_id, lambda: self._held_at)
        if worker is None:
            return False
        if self.held.node == 0:
            self._report(adoption.report_url, adoption.token, adoption.lease_seconds)
        self._follow(worker, adoption.lease_seconds)
        return True

    def redirect(self, url: str, at: float) -> None:
        """Report to a server that has taken the job over."""
        if self._reporter:
            self._reporter.redirect(url)
        self.keep(at)

    def keep(self, at: float) -> None:
        """A server held the job at that time on this node's clock."""
        self._held_at = max(self._held_at, at)
        if worker := self._worker:
            worker.keep(self._held_at)

    def stop(self) -> None:
        """Ask the worker to end."""
        with self._guard:
            self._stopping = True
            worker = self._worker
        if worker:
            worker.stop()

    def kill(self) -> None:
        """End the worker now."""
        with self._guard:
            self._killed = True
            worker = self._worker
        if worker:
            worker.kill()

    def _report(self, url: str, token: str, lease_seconds: float) -> None:
        self._reporter = Reporter(
            self._folder, url, token, self.key.attempt, self.kill, lease_seconds=lease_seconds
        )
        self._reporter.start()

    def _follow(self, worker: LocalWorker, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        with self._guard:
            self._worker = worker
            stopping, killed = self._stopping, self._killed
        worker.keep(self._held_at)
        if stopping:
            worker.stop()
        if killed:
            worker.kill()
        threading.Thread(target=self._to_end, args=(worker,), name=str(self.key), daemon=True).start()

    def _to_end(self, worker: LocalWorker) -> None:
        while worker.wait():
            if self._reporter:
                self._reporter.poke()
        words, well = worker.ending, worker.ended_well
        if self._reporter and not self._delivered(self._reporter):
            words = f"{words}, and what it reported last was not taken"
        elif not self._reporter and not well and (tail := self._folder.log_tail(1)):
            words = f"{words} ({tail[0][:200]})"  # the log of a node that does not lead goes with it
        self.ending = Ending(words=words, well=well)
        self._home.remove(self.key)
        _log.info("stay_ended", attempt=str(self.key), words=words)
        self._on_end(self)

    def _delivered(self, reporter: Reporter) -> bool:
        """Send the rest, as long as a server may still hold the job."""
        done = threading.Event()
        found = [False]

        def finish() -> None:
            found[0] = reporter.finish(_PATIENCE_SECONDS)
            done.set()

        threading.Thread(target=finish, name=f"finish {self.key}", daemon=True).start()
        while not done.wait(_LOOK_SECONDS) and clock() < self._held_at + self._lease_seconds:
            pass
        return found[0]
