"""The children of a fork server: some wait for a job, some work, all are seen to their end."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from socket import socket

from tunesmith.protocol import Launch, Lease
from tunesmith.protocol.lease import clock
from tunesmith.training.children import Child, Closable, fork_child, kill_group

SPARE_CHILDREN = 2
_FAREWELL_SECONDS = 5.0
_LOOK_SECONDS = 0.005


class Nursery:
    """Children by their process. A worker is a child that was given a job."""

    def __init__(self, inherited: Callable[[], Iterable[Closable]]) -> None:
        """Args:
        inherited: what only the fork server may hold open, besides the lines to its children.
        """
        self._inherited = inherited
        self._spare: dict[int, Child] = {}
        self._spares_wanted = SPARE_CHILDREN
        self.workers: dict[int, Child] = {}

    @property
    def wants_spare(self) -> bool:
        """Whether there is use for another child before the next job comes."""
        return len(self._spare) < self._spares_wanted

    def add_spare(self) -> None:
        """Fork one ahead."""
        try:
            child = self._fork()
        except OSError:
            self._spares_wanted = 0  # the next launch tries again, and says what is wrong
        else:
            self._spare[child.pid] = child

    def launch(self, line: str, launch: Launch, stamp: float, channel: socket) -> Child:
        """Give a job to a child.

        Raises:
            OSError: none can be forked.
        """
        child = self._child_that_takes(line, channel)
        child.job = launch.job
        child.lease = Lease(launch.lease_seconds, stamp)
        self.workers[child.pid] = child
        self._spares_wanted = SPARE_CHILDREN
        return child

    def worker_of(self, job: str) -> Child | None:
        """The child that works on a job."""
        return next((child for child in self.workers.values() if child.job == job), None)

    def reap(self) -> Iterator[tuple[Child, int]]:
        """The workers that have ended, with their groups, and their exit codes (negative for a signal)."""
        while (found := _reap_one()) is not None:
            pid, code = found
            if worker := self.workers.pop(pid, None):
                worker.close()
                yield worker, code
            elif spare := self._spare.pop(pid, None):
                spare.close()
                self._spares_wanted -= 1  # whatever ends them: do not fork for nothing, again and again

    def end_overdue(self) -> None:
        """End what has not ended by itself when its lease is nearly over."""
        now = clock()
        for worker in self.workers.values():
            if worker.lease and now >= worker.lease.kill_at:
                worker.kill()

    def dismiss_spare(self) -> None:
        """End the children that have no job.

        Each ends by itself when its line does; killed while it rehearses, it would leave that folder behind.
        """
        self._spares_wanted = 0
        for child in self._spare.values():
            child.close()
        deadline = time.monotonic() + _FAREWELL_SECONDS
        for pid in self._spare:
            while not (ended := os.waitpid(pid, os.WNOHANG)[0]) and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
            if not ended:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        self._spare.clear()

    def _child_that_takes(self, line: str, channel: socket) -> Child:
        while self._spare:
            child = self._spare.pop(next(iter(self._spare)))
            try:
                child.hand_over(line, channel)
            except OSError:
                os.kill(child.pid, signal.SIGKILL)  # reaped with the others
                child.close()
            else:
                return child
        child = self._fork()
        child.hand_over(line, channel)
        return child

    def _fork(self) -> Child:
        lines = (child.control for child in (*self._spare.values(), *self.workers.values()))
        return fork_child((*self._inherited(), *lines))


def _reap_one() -> tuple[int, int] | None:
    """Process and exit code of a child that has ended, with whatever it had started."""
    try:
        if not hasattr(os, "waitid"):  # before Python 3.13 macOS cannot look without reaping
            pid, status = os.waitpid(-1, os.WNOHANG)
            kill_group(pid) if pid else None
            return (pid, os.waitstatus_to_exitcode(status)) if pid else None
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        kill_group(ended.si_pid)  # before it is reaped, its number is nobody else's
        _, status = os.waitpid(ended.si_pid, 0)
    except ChildProcessError:
        return None
    return ended.si_pid, os.waitstatus_to_exitcode(status)
