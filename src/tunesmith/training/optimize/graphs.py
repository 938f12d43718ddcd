"""What runs an exported model, whatever computes it: the shape that all runtimes share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batches:
    """The batch sizes that a model takes; `largest` is None where there is no limit."""

    smallest: int = 1
    largest: int | None = None

    @property
    def fixed(self) -> int | None:
        """The only size there is, if there is one."""
        return self.smallest if self.smallest == self.largest else None

    def run(self, inputs: Tensor, compute: Callable[[Tensor], list[Tensor]]) -> list[Tensor]:
        """The outputs for a batch of any size: in parts where it is too large, padded where it is too small.

        Args:
            inputs: (batch, ...).
            compute: the outputs of a part that has a size which the model takes.
        """
        parts = [
            self._part(part, compute) for part in torch.split(inputs, self.largest or max(1, len(inputs)))
        ]
        return [torch.cat(columns) for columns in zip(*parts, strict=True)]

    def _part(self, part: Tensor, compute: Callable[[Tensor], list[Tensor]]) -> list[Tensor]:
        count = len(part)
        if count < self.smallest:
            part = torch.cat([part, part.new_zeros(self.smallest - count, *part.shape[1:])])
        return [output[:count] for output in compute(part)]


class GraphModel(Protocol):
    """A model with one input that was exported from torch."""

    @property
    def label(self) -> str:
        """What computes it, for people: "ONNX Runtime", "OpenVINO in int8"."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the export wrote down, as text by name."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its outputs."""
        ...

    @property
    def batches(self) -> Batches:
        """The batch sizes that it takes."""
        ...

    def run(self, inputs: Tensor) -> list[Tensor]:
        """The outputs for float32 inputs (batch, ...) on the processor, in the order of their names."""
        ...
