"""The processes of a worker, to be ended together."""

import os
import signal
from contextlib import suppress


class ProcessGroup:
    """A worker and all that it has started, known by the worker's process number.

    The number may be given to somebody else once all of them are gone. Where the system has a handle for
    a process (Linux), that is noticed.
    """

    def __init__(self, leader: int) -> None:
        self.leader = leader
        self._handle = _handle_of(leader)

    def kill(self) -> None:
        """End what there is of it."""
        if self._reaped() and _exists(self.leader):
            return  # a number is free when its process and its group are gone: this is somebody else
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.leader, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the handle."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _reaped(self) -> bool:
        if self._handle is None:
            return False
        try:
            signal.pidfd_send_signal(self._handle, 0)
        except ProcessLookupError:
            return True
        return False


def _handle_of(process: int) -> int | None:
    try:
        return os.pidfd_open(process) if hasattr(os, "pidfd_open") else None
    except OSError:
        return None


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
