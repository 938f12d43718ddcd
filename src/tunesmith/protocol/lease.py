"""How long a worker may go on without a word from the server that holds its job."""

import time
from dataclasses import dataclass

STOP_SHARE = 2 / 3
_KILL_MARGIN_SECONDS = 1.0
_KILL_MARGIN_SHARE = 1 / 6

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds on a clock that all processes of this machine share, that nobody sets and no sleep stops."""
    return time.clock_gettime(_CLOCK)


@dataclass
class Lease:
    """A job's lease as its worker knows it.

    Another server may take the job when the lease in the database is over, which was extended at `heard`
    at the earliest. So the worker stops well before, and is gone a moment before.

    Attributes:
        seconds: how long the lease is.
        heard: when the server last said that it holds the job, on `clock()`.
    """

    seconds: float
    heard: float

    def renew(self, at: float) -> None:
        """The server held the job at that time. Old words, and those from the future, change nothing."""
        self.heard = max(self.heard, min(at, clock()))

    @property
    def stop_at(self) -> float:
        """When the worker stops by itself: it finishes the step and writes a checkpoint."""
        return self.heard + self.seconds * STOP_SHARE

    @property
    def kill_at(self) -> float:
        """When nothing of the worker may be left: a second before the lease is over."""
        return self.heard + self.seconds - min(_KILL_MARGIN_SECONDS, self.seconds * _KILL_MARGIN_SHARE)
