"""What a task adds to a model in order to train it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

BatchT = TypeVar("BatchT")
BatchT_contra = TypeVar("BatchT_contra", contravariant=True)


class Training(nn.Module, ABC, Generic[BatchT]):
    """A model together with what trains it. Only the model is exported; what else has weights is resumed.

    Attributes:
        model: the model that predicts.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @abstractmethod
    def forward(self, batch: BatchT) -> dict[str, Tensor]:
        """The losses of a batch, scalars. "loss" is minimised, the others are shown beside it."""

    def prepare(self, batches: Iterable[BatchT], device: torch.device) -> None:
        """Compute what needs the data once, before the first epoch: the batches are not varied at random."""

    def preview(self, batch: BatchT) -> Tensor | None:  # noqa: ARG002 - not every batch can be seen
        """The batch as a picture (3, height, width) with values from 0 to 1, if it can be seen."""
        return None

    def extras(self) -> dict[str, Tensor]:
        """The weights and buffers beside the model's."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("model.")}

    def load_extras(self, extras: dict[str, Tensor]) -> None:
        """Go on from saved extras."""
        self.load_state_dict(extras, strict=False)


def l1_penalty(model: nn.Module, strength: float, dimensions: tuple[int, ...] | None = None) -> Tensor:
    """What the sum of all weights' sizes counts in a loss; biases and normalisation are left out.

    With `dimensions`, so are weights of other numbers of dimensions.
    """
    weights = [weight for weight in model.parameters() if weight.dim() > 1]
    counted = [weight for weight in weights if dimensions is None or weight.dim() in dimensions]
    return strength * sum(
        (weight.abs().sum() for weight in counted), torch.zeros((), device=weights[0].device)
    )


@dataclass(frozen=True)
class Measured:
    """Metrics of a data set.

    Attributes:
        values: by name.
        per_category: values by category (a class, say) under the metric's name.
        bare: values that are reported by their names alone, because the published API calls them so.
    """

    values: dict[str, float]
    per_category: dict[str, dict[str, float]] = field(default_factory=dict)
    bare: dict[str, float] = field(default_factory=dict)

    def named(self) -> dict[str, float]:
        """The values as jobs report them: val_ stands before all names but the bare ones."""
        return {f"val_{name}": value for name, value in self.values.items()} | self.bare


class Meter(Protocol[BatchT_contra]):
    """Collects predictions batch by batch."""

    def update(self, outputs: Any, batch: BatchT_contra) -> None:
        """Take in what the model returned for a batch."""

    def compute(self) -> Measured:
        """The metrics of all that was taken in."""
        ...
