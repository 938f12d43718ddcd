"""Runs a model over data without learning from it."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import torch

from tunesmith.training.engine.training import Measured, Meter

BatchT = TypeVar("BatchT")


class Sink(Protocol):
    """Takes what a model returned, batch by batch."""

    def update(self, outputs: Any, batch: Any) -> None:
        """Take in what the model returned for a batch."""


def run_over(
    batches: Iterable[BatchT],
    predict: Callable[[BatchT], Any],
    sinks: Iterable[Sink],
    between: Callable[[], None] = lambda: None,
) -> None:
    """Predict each batch and hand it to every sink.

    `between` is called after each batch; what it raises ends the work.
    """
    taking = tuple(sinks)
    with torch.inference_mode():
        for batch in batches:
            outputs = predict(batch)
            for sink in taking:
                sink.update(outputs, batch)
            between()


def measure(
    batches: Iterable[BatchT],
    predict: Callable[[BatchT], Any],
    meter: Meter[BatchT],
    between: Callable[[], None] = lambda: None,
) -> Measured:
    """The metrics of a model over data."""
    run_over(batches, predict, [meter], between)
    return meter.compute()
