"""How far a job is and what it measured, on the wire. Values by epoch: the keys are epochs as text."""

from typing import Any

from pydantic import ConfigDict, Field

from tunesmith.server.kit.wire import Reply


class Graph(Reply):
    """A curve."""

    metric: str
    values: dict[str, float | None]
    x_min: int | None = None
    x_max: int | None = None
    y_min: float | None = None
    y_max: float | None = None
    units: str | None = None


class CategoryWise(Reply):
    """What was measured for one class."""

    category: str
    value: float | None


class Category(Reply):
    """What was measured for each class."""

    metric: str
    category_wise_values: list[CategoryWise]


class KPI(Reply):
    """A result; while the job runs, the newest point of a curve."""

    metric: str
    values: dict[str, Any] | None


class Stats(Reply):
    """How far a search is."""

    metric: str | None
    value: str | None


class AutoMLResults(Reply):
    """The best that a search has found."""

    metric: str
    value: float | None


class DetailedStatus(Reply):
    """What the job says. Until it has started, `message` alone: what it waits for."""

    date: str = ""
    time: str = ""
    message: str = ""
    status: str = ""


class Failure(Reply):
    """Why a job failed: a cause from a short list, a sentence, what to try, the end of the log."""

    cause: str
    message: str
    advice: str
    log_tail: list[str]


class JobResult(Reply):
    """How far a job is and what it measured. Durations are h:mm:ss."""

    model_config = ConfigDict(extra="allow")

    graphical: list[Graph] = Field([])
    categorical: list[Category] = Field([])
    kpi: list[KPI] = Field([])
    epoch: int | None = None
    max_epoch: int | None = None
    cur_iter: int | None = None
    eta: str | None = None
    time_per_epoch: str | None = None
    time_per_iter: str | None = None
    key_metric: float | None = None
    message: str | None = None
    detailed_status: DetailedStatus | None = None
    automl_brain_info: list[Stats] = Field([])
    automl_result: list[AutoMLResults] = Field([])
    notes: list[str] = Field([])
    outcome: dict[str, Any] = Field({})
    failure: Failure | None = None
