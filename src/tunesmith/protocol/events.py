"""What a worker reports: one JSON object a line in events.jsonl.

Times are UTC. Metric values are plain numbers; a value that is not finite is written as null, so that
each line is strict JSON.
"""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from tunesmith.protocol.causes import Cause


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Measurement = Annotated[float | None, BeforeValidator(_finite_or_none)]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Started(_Event):
    """The worker has read its request and begins."""

    kind: Literal["started"] = "started"
    pid: int
    host: str
    message: str = ""


class Progress(_Event):
    """How far the job is. Epochs count from 1; durations are in seconds."""

    kind: Literal["progress"] = "progress"
    epoch: int = 0
    max_epoch: int = 1
    step: int = 0
    steps_per_epoch: int = 0
    eta: Measurement = None
    seconds_per_epoch: Measurement = None
    seconds_per_step: Measurement = None
    message: str = ""


class Metrics(_Event):
    """Values measured. With an epoch they are points of a curve, without one the job's results."""

    kind: Literal["metrics"] = "metrics"
    epoch: int | None = None
    values: dict[str, Measurement] = {}
    per_category: dict[str, dict[str, Measurement]] = {}


class CheckpointSaved(_Event):
    """A checkpoint is whole on disk. `file` is relative to the results folder."""

    kind: Literal["checkpoint"] = "checkpoint"
    epoch: int
    file: str
    best: bool = False


class Note(_Event):
    """Something the user should know although the job goes on (an inert key, a nearest backbone)."""

    kind: Literal["note"] = "note"
    message: str


class Heartbeat(_Event):
    """The worker is alive although there is nothing new to tell."""

    kind: Literal["heartbeat"] = "heartbeat"


class Done(_Event):
    """The job ended well and its results are in the workspace. `outcome` is the action's summary."""

    kind: Literal["done"] = "done"
    message: str = ""
    outcome: dict[str, Any] = {}


class Failed(_Event):
    """The job ended badly: the cause, a sentence for people, and what to try."""

    kind: Literal["failed"] = "failed"
    cause: Cause
    message: str
    advice: str = ""


class Interrupted(_Event):
    """The worker was asked to stop and did: its state is in the newest checkpoint, if it had one."""

    kind: Literal["interrupted"] = "interrupted"
    message: str = ""


Event = Started | Progress | Metrics | CheckpointSaved | Note | Heartbeat | Done | Failed | Interrupted
EVENT = TypeAdapter[Event](Annotated[Event, Field(discriminator="kind")])
