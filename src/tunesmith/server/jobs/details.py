"""What a worker's events add up to, and how the API shows it as `job_details`."""

import math
from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from tunesmith.protocol import (
    Cause,
    CheckpointSaved,
    Done,
    Event,
    Failed,
    Heartbeat,
    Interrupted,
    Metrics,
    Note,
    Progress,
    Started,
)
from tunesmith.server.kit.database import now

MESSAGE_LIMIT = 6400
"""Longest message in characters, as the API documents it."""

LONGEST_SECONDS = 1e10
"""More than three centuries: whatever says that it takes longer is mistaken."""


def number_or_none(value: object) -> float | None:
    """The value if it is a number that JSON can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def seconds_or_none(value: object) -> float | None:
    """The value if it can be a duration."""
    seconds = number_or_none(value)
    return seconds if seconds is not None and 0 <= seconds <= LONGEST_SECONDS else None


Reading = Annotated[float | None, BeforeValidator(number_or_none)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Seconds = Annotated[float | None, BeforeValidator(seconds_or_none)]
Curve = dict[str, Reading]
"""Values by key: an epoch for curves and results, a category for categorical metrics."""


class Position(BaseModel):
    """How far a job is, in short. Durations are in seconds.

    What is stored oddly reads as its default, so that one odd value never hides a job.
    """

    epoch: Count = 0
    max_epoch: Count = 1
    eta: Seconds = None
    message: str = ""

    @classmethod
    def load(cls, stored: object) -> Self:
        """From a job's row."""
        return cls.model_validate(stored if isinstance(stored, dict) else {})

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_default(cls, value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return read(value)
        except ValidationError:
            return cls.model_fields[info.field_name or ""].get_default()


class Details(Position):
    """The state of a job's work. Times are UTC, durations in seconds."""

    step: Count = 0
    seconds_per_epoch: Seconds = None
    seconds_per_step: Seconds = None
    status: str = ""
    at: datetime | None = None
    curves: dict[str, Curve] = {}
    results: Curve = {}
    categories: dict[str, Curve] = {}
    notes: list[str] = []
    best_epoch: int | None = None
    latest_epoch: int | None = None
    cause: Cause | None = None
    advice: str = ""
    log_tail: list[str] = []
    outcome: dict[str, Any] = {}

    @classmethod
    def of_failure(cls, cause: Cause, message: str) -> Self:
        """Of a job that ends badly before any worker has it."""
        details = cls(at=now())
        details.fail(cause, message)
        return details

    def apply(self, event: Event) -> None:
        """Take one event in."""
        self.at = event.time
        match event:
            case Started():
                self.status = "STARTED"
                self.message = event.message or f"Started on {event.host}"
            case Progress():
                self._progress(event)
            case Metrics(epoch=None):
                self.results |= event.values
                self.categories |= event.per_category
            case Metrics():
                for name, value in event.values.items():
                    self.curves.setdefault(name, {})[str(event.epoch)] = value
                self.categories |= event.per_category
            case CheckpointSaved():
                self.latest_epoch = event.epoch
                if event.best:
                    self.best_epoch = event.epoch
            case Note():
                self.notes.append(event.message)
            case Done():
                self.status, self.eta = "SUCCESS", 0.0
                self.message = event.message or "Done"
                self.outcome = event.outcome
            case Failed():
                self.fail(event.cause, event.message, event.advice)
            case Interrupted():
                self.message = event.message or "Stopped"
            case Heartbeat():
                pass

    def fail(self, cause: Cause, message: str, advice: str = "") -> None:
        """The job ended badly."""
        self.status = "FAILURE"
        self.cause = cause
        self.message = message
        self.advice = advice or cause.advice

    def _progress(self, event: Progress) -> None:
        self.status = "RUNNING"
        self.epoch, self.max_epoch, self.step = event.epoch, event.max_epoch, event.step
        self.eta = event.eta
        self.seconds_per_epoch = event.seconds_per_epoch or self.seconds_per_epoch
        self.seconds_per_step = event.seconds_per_step or self.seconds_per_step
        self.message = event.message or self.message


def render_details(job_id: UUID, details: Details, waits_for: str, goal: str | None) -> dict[str, Any]:
    """`job_details` as the API shows it: one entry, under the job's own id.

    `waits_for` is why a pending or resumed job does not run; `goal` the metric that `key_metric` shows.
    """
    if details.at is None:
        return {str(job_id): {"detailed_status": {"message": waits_for}}} if waits_for else {}
    shown = {
        "graphical": [_graph(name, values) for name, values in details.curves.items()],
        "kpi": _kpi(details),
        "categorical": [
            {
                "metric": metric,
                "category_wise_values": [
                    {"category": name, "value": value} for name, value in values.items()
                ],
            }
            for metric, values in details.categories.items()
        ],
        "epoch": details.epoch,
        "max_epoch": details.max_epoch,
        "cur_iter": details.step,
        "eta": clock(details.eta),
        "time_per_epoch": clock(details.seconds_per_epoch),
        "time_per_iter": clock(details.seconds_per_step),
        "key_metric": _key_metric(details, goal),
        "detailed_status": _detailed_status(details, waits_for),
        "notes": details.notes,
        "outcome": details.outcome,
    }
    if details.cause:
        shown["failure"] = {
            "cause": details.cause.value,
            "message": details.message,
            "advice": details.advice,
            "log_tail": details.log_tail,
        }
    return {str(job_id): shown}


def _graph(metric: str, values: Curve) -> dict[str, Any]:
    known = [value for value in values.values() if value is not None]
    return {
        "metric": metric,
        "values": values,
        "x_min": 0,
        "x_max": len(values),
        "y_min": min([0.0, *known]),
        "y_max": max([0.0, *known]),
        "units": None,
    }


def _kpi(details: Details) -> list[dict[str, Any]]:
    """The results of the job; while there are none, the newest point of each curve."""
    if details.results:
        last = str(details.epoch)
        return [{"metric": name, "values": {last: value}} for name, value in details.results.items()]
    newest = {name: list(values.items())[-1:] for name, values in details.curves.items()}
    return [{"metric": name, "values": dict(point)} for name, point in newest.items()]


def _key_metric(details: Details, goal: str | None) -> float:
    if goal is None:
        return 0.0
    value = details.results.get(goal)
    if value is None and (curve := details.curves.get(goal)):
        value = list(curve.values())[-1]
    return value if value is not None else 0.0


def _detailed_status(details: Details, waits_for: str) -> dict[str, str]:
    moment = details.at
    text = f"{details.message} {details.advice}".strip() if details.cause else waits_for or details.message
    return {
        "date": f"{moment.month}/{moment.day}/{moment.year}" if moment else "",
        "time": f"{moment:%H:%M:%S}" if moment else "",
        "message": text[:MESSAGE_LIMIT],
        "status": details.status,
    }


def clock(seconds: float | None) -> str:
    """h:mm:ss, with a fraction for what is shorter than ten seconds."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"0:00:{seconds:06.3f}"
    return str(timedelta(seconds=round(seconds)))
