"""Holds an exported graph against the model it came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.graphs import GraphModel

BATCHES = (1, 3)
"""Batch sizes that show whether the batch is really open."""

_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Difference:
    """How one output differs at one batch size: `largest` is absolute, `scale` the output's largest value."""

    output: str
    batch_size: int
    largest: float
    scale: float

    @property
    def tolerable(self) -> bool:
        """Whether rounding explains it."""
        return self.largest <= _TOLERANCE * max(1.0, self.scale)

    def figures(self) -> dict[str, Any]:
        """As plain data."""
        return {"output": self.output, "batch_size": self.batch_size, "max_abs_diff": self.largest}


def compare(
    model: Callable[[Tensor], Sequence[Tensor]], graph: GraphModel, batches: Sequence[Tensor]
) -> list[Difference]:
    """Run both on the same batches.

    Args:
        model: what the graph was made of; returns tensors in the order of the graph's outputs.
        graph: the exported graph, or an engine.
        batches: inputs on the processor.
    """
    found = []
    for inputs in batches:
        with torch.inference_mode():
            expected = model(inputs)
        for name, mine, its in zip(graph.outputs, expected, graph.run(inputs), strict=True):
            largest = float((mine - its).abs().nan_to_num(float("inf")).max())
            found.append(Difference(name, len(inputs), largest, float(mine.abs().max())))
    return found


def require_agreement(
    differences: Sequence[Difference], made: str = "exported graph", source: str = "model"
) -> None:
    """Refuse a graph, or an engine, that does not compute what it was made of.

    Raises:
        JobError: with the output that is off.
    """
    for one in differences:
        if not one.tolerable:
            raise JobError(
                Cause.INTERNAL,
                f"The {made} differs from the {source} in the output {one.output} by {one.largest:.3g} "
                f"at batch size {one.batch_size}; the {source}'s own values go up to {one.scale:.3g}.",
            )
