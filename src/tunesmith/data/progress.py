"""How work on a dataset tells how far it is, and learns that it should stop."""

from collections.abc import Callable
from dataclasses import dataclass

from tunesmith.data.errors import PullStoppedError


@dataclass(frozen=True)
class PullProgress:
    """How far a pull is. `stage` is listing, downloading, extracting or checking."""

    stage: str
    files: int = 0
    total_files: int = 0
    bytes: int = 0
    total_bytes: int = 0

    def sentence(self) -> str:
        """For people."""
        text = f"{self.stage} {self.files}/{self.total_files} files"
        if self.total_bytes:
            text += f", {self.bytes / 1e6:.1f} of {self.total_bytes / 1e6:.1f} MB"
        return text


OnProgress = Callable[[PullProgress], None]
ShouldStop = Callable[[], bool]


def ignore_progress(_progress: PullProgress) -> None:
    """For callers that do not want to know."""


def never_stop() -> bool:
    """For callers that wait to the end."""
    return False


def raise_if(should_stop: ShouldStop) -> None:
    """End here if the work was asked to stop.

    Raises:
        PullStoppedError: what is on disk can be continued.
    """
    if should_stop():
        raise PullStoppedError
