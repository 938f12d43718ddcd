"""What `job_details` says about a job, in a form that is easy to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Curve = Mapping[int, float]
"""Values by epoch, epochs counted from 1, in order."""


@dataclass(frozen=True)
class Progress:
    """How far a job is and what it measured.

    `curves` hold a value an epoch, `results` one value each, `categories` a value a class. `eta` is
    text (h:mm:ss), as the API sends it. `failure` is filled when the job ended badly.
    """

    epoch: int = 0
    max_epoch: int = 0
    eta: str = ""
    message: str = ""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    results: Mapping[str, float] = field(default_factory=dict)
    categories: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    outcome: Mapping[str, Any] = field(default_factory=dict)
    failure: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, details: Mapping[str, Any]) -> Self:
        """Take in one entry of `job_details`; what is missing or null stays at its default."""
        status = details.get("detailed_status") or {}
        return cls(
            epoch=details.get("epoch") or 0,
            max_epoch=details.get("max_epoch") or 0,
            eta=details.get("eta") or "",
            message=status.get("message") or "",
            curves={str(one["metric"]): _curve(one) for one in _entries(details, "graphical")},
            results=_results(details),
            categories={str(one["metric"]): _by_category(one) for one in _entries(details, "categorical")},
            notes=tuple(details.get("notes") or ()),
            outcome=details.get("outcome") or {},
            failure=details.get("failure") or {},
        )

    @property
    def latest(self) -> dict[str, float]:
        """The newest value of every curve."""
        return {name: values[max(values)] for name, values in self.curves.items() if values}

    @property
    def measured_epoch(self) -> int:
        """The newest epoch of any curve; 0 before the first."""
        return max((max(values) for values in self.curves.values() if values), default=0)

    @property
    def failure_message(self) -> str:
        """Why the job failed, with the kind of cause; empty when it did not."""
        cause, text = self.failure.get("cause", ""), self.failure.get("message", "")
        return f"{cause}: {text}" if cause and text else str(text or cause)

    @property
    def advice(self) -> str:
        """What to try after a failure."""
        return str(self.failure.get("advice") or "")

    @property
    def log_tail(self) -> tuple[str, ...]:
        """The last lines of the log of a failed job."""
        return tuple(self.failure.get("log_tail") or ())


def _entries(details: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [one for one in details.get(key) or () if isinstance(one, dict) and one.get("metric")]


def _curve(entry: Mapping[str, Any]) -> dict[int, float]:
    points = {int(epoch): value for epoch, value in _numbers(entry.get("values")).items() if epoch.isdigit()}
    return dict(sorted(points.items()))


def _results(details: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for entry in _entries(details, "kpi"):
        values = _numbers(entry.get("values"))
        if values:
            found[str(entry["metric"])] = list(values.values())[-1]
    return found


def _by_category(entry: Mapping[str, Any]) -> dict[str, float]:
    values = entry.get("category_wise_values") or ()
    return _numbers({one.get("category"): one.get("value") for one in values if isinstance(one, dict)})


def _numbers(values: Any) -> dict[str, float]:
    pairs = values.items() if isinstance(values, dict) else ()
    return {str(key): float(value) for key, value in pairs if isinstance(value, int | float)}
