"""How long a worker may go on without a word from the server that holds its job."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_EXTENDED_EVERY = 1 / 3
_STOP = 2 / 3
_STOP_NEW = 1 / 2
_MARGIN_SECONDS = 1.0
_MARGIN = 1 / 12


def clock() -> float:
    """Seconds on a clock that all processes of this machine share, that nobody sets and no sleep stops."""
    return time.clock_gettime(_CLOCK)


class Lease:
    """A job's lease as its worker knows it.

    Another server may take the job when the lease in the database is over, which its server extends every
    third of it. So the worker stops by itself well before, and is gone a moment before.

    Attributes:
        stop_at: when the worker is to stop: it finishes the step and writes a checkpoint.
        kill_at: when nothing of the worker may be left, on `clock()` like all times here.
    """

    def __init__(self, seconds: float, at: float) -> None:
        """Args:
        seconds: how long the lease is.
        at: when the worker was given its job.
        """
        self.seconds = seconds
        self.stop_at = self.kill_at = float("-inf")
        self.take(at)

    def take(self, at: float) -> None:
        """A server has the job at that time, and may have extended the lease up to a third of it before."""
        self._extend(at - self.seconds * _EXTENDED_EVERY, at + self.seconds * _STOP_NEW)

    def renew(self, at: float) -> None:
        """The server has extended the lease at that time. Old words and those of the future do nothing."""
        at = min(at, clock())
        self._extend(at, at + self.seconds * _STOP)

    def _extend(self, at: float, stop_at: float) -> None:
        margin = min(_MARGIN_SECONDS, self.seconds * _MARGIN)
        self.stop_at = max(self.stop_at, stop_at)
        self.kill_at = max(self.kill_at, at + self.seconds - margin)
