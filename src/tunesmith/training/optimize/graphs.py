"""What runs an exported model, whatever computes it: the shape that all runtimes share."""

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

COMPANIONS = "tunesmith.companions"
"""Name of the metadata that keep the companions of a graph: inputs that are the same for all samples."""


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
    """A model that was exported from torch, with one input for samples.

    Further inputs are companions: the same for all samples, with a batch of one. The export keeps those that
    it was made with.
    """

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

    def run(self, inputs: Tensor, companions: Mapping[str, Tensor] | None = None) -> list[Tensor]:
        """The outputs for float32 inputs (batch, ...) on the processor, in the order of their names.

        `companions` by name take the place of those that the export kept.
        """
        ...


def packed(companions: Mapping[str, Tensor]) -> dict[str, str]:
    """Companions as metadata; nothing if there are none."""
    if not companions:
        return {}
    values = {name: value.numpy() for name, value in companions.items()}
    return {
        COMPANIONS: json.dumps(
            {
                name: {
                    "type": str(value.dtype),
                    "shape": value.shape,
                    "data": base64.b64encode(zlib.compress(value.tobytes())).decode("ascii"),
                }
                for name, value in values.items()
            }
        )
    }


def unpacked(metadata: Mapping[str, str]) -> dict[str, Tensor]:
    """The companions that an export kept, by name."""
    found = json.loads(metadata.get(COMPANIONS, "{}"))
    return {
        name: torch.from_numpy(
            np.frombuffer(zlib.decompress(base64.b64decode(one["data"])), np.dtype(one["type"]))
            .reshape(one["shape"])
            .copy()
        )
        for name, one in found.items()
    }


def repeated(companions: Mapping[str, Tensor], count: int) -> dict[str, NDArray[np.generic]]:
    """Companions for a batch of `count`."""
    return {
        name: np.ascontiguousarray(value.expand(count, *value.shape[1:]).numpy())
        for name, value in companions.items()
    }
