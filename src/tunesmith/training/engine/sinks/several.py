"""All trackers of one training."""

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from tunesmith.training.engine.sinks.background import Background
from tunesmith.training.engine.sinks.base import Ending, Point
from tunesmith.training.failures import StoppedError


class Sinks:
    """Records go to all of them; the end of the block closes them."""

    def __init__(self, sinks: Sequence[Background] = ()) -> None:
        self._sinks = sinks

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sink in self._sinks:
            sink.close(_ending(error))

    def record(self, epoch: int, values: Mapping[str, float]) -> None:
        """Hand on the values of an epoch; returns at once."""
        point = Point(epoch, {name: value for name, value in values.items() if math.isfinite(value)})
        for sink in self._sinks:
            sink.record(point)


def _ending(error: BaseException | None) -> Ending:
    if error is None:
        return Ending.FINISHED
    return Ending.STOPPED if isinstance(error, StoppedError) else Ending.FAILED
