"""How long to wait for a store."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long a store may stay silent before it counts as gone.

    Attributes:
        connect: seconds for a connection.
        read: seconds without a byte while an answer is awaited.
        retries: further attempts after a failure that may pass.
        total: seconds after which no attempt is begun.
    """

    connect: float
    read: float
    retries: int
    total: float


PATIENT = Patience(connect=5, read=20, retries=60, total=150)
"""For jobs: they outlive a store that is gone for a minute or two, and report one that is gone for longer."""

PROMPT = Patience(connect=5, read=20, retries=4, total=10)
"""For requests: whoever waits for the answer can ask again."""

BRIEF = Patience(connect=2, read=3, retries=1, total=3)
"""For probes: a person waits for the answer."""

_LONGEST_PAUSE = 8.0


@dataclass
class Attempts:
    """Counts how often in a row nothing arrived."""

    patience: Patience
    failed: int = 0
    began: float = 0.0

    def wait(self) -> bool:
        """Wait before the next attempt. False when there have been enough."""
        now = time.monotonic()
        self.began = self.began or now
        self.failed += 1
        if self.failed > self.patience.retries or now - self.began > self.patience.total:
            return False
        time.sleep(min(_LONGEST_PAUSE, 0.1 * 2**self.failed))
        return True

    def reset(self) -> None:
        """Something arrived."""
        self.failed, self.began = 0, 0.0
