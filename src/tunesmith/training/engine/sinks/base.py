"""What a tracker must be able to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Ending(StrEnum):
    """How the training ends, as far as this run of it is concerned."""

    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Point:
    """The values of one epoch, each finite."""

    epoch: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class About:
    """The training, as trackers are told of it.

    Attributes:
        job_id: the tracker's run of this job is found again by it when the job goes on.
        network: what is trained.
        settings: the spec, without secrets.
    """

    job_id: str
    network: str
    settings: Mapping[str, Any]


class Sink(Protocol):
    """One tracker. It is used from one thread, and may raise anything: that is told once and ends it."""

    @property
    def name(self) -> str:
        """What people call it."""

    def open(self) -> None:
        """Begin the tracker's run of this job, or go on with it."""

    def record(self, point: Point) -> None:
        """Send the values of an epoch."""

    def close(self, ending: Ending) -> None:
        """Send what is left."""
