"""What segmentation by masks asks of a network's model."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

MaskTarget = Mapping[str, Tensor]
"""Of one image: `masks` (n, height, width), true inside; `class_labels` (n,)."""


class MaskPredictions(NamedTuple):
    """What a model predicts for a batch: masks, each with the class of what it shows.

    Attributes:
        logits: (batch, queries, classes + 1); the last column is "nothing". Softmax makes shares of them.
        masks: logits (batch, queries, height, width) of each pixel being inside; smaller than the input.
    """

    logits: Tensor
    masks: Tensor


@dataclass(frozen=True)
class Entry:
    """A class.

    Attributes:
        id: the one that its dataset gives it.
        name: what it is called.
        is_thing: whether single objects of it are told apart.
        colour: to draw it with, RGB.
    """

    id: int
    name: str
    is_thing: bool
    colour: tuple[int, int, int]


class Legend(nn.Module):
    """What a model must remember of its classes beside their names; it is stored with the weights."""

    ids: Tensor
    things: Tensor
    colours: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("ids", torch.arange(classes))
        self.register_buffer("things", torch.ones(classes, dtype=torch.bool))
        self.register_buffer("colours", torch.zeros(classes, 3, dtype=torch.uint8))

    def fill(self, entries: Sequence[Entry]) -> None:
        """Remember these classes."""
        self.ids.copy_(torch.tensor([one.id for one in entries]))
        self.things.copy_(torch.tensor([one.is_thing for one in entries]))
        self.colours.copy_(torch.tensor([one.colour for one in entries], dtype=torch.uint8))


class Masker(nn.Module, ABC):
    """A model that predicts masks.

    Attributes:
        legend: its classes.
        head_names: how the names of the weights begin that depend on the classes.
    """

    legend: Legend
    head_names: tuple[str, ...] = ()

    @abstractmethod
    def forward(self, images: Tensor) -> MaskPredictions:
        """Images (batch, channels, height, width) to predictions."""

    @abstractmethod
    def losses(self, images: Tensor, targets: Sequence[MaskTarget]) -> dict[str, Tensor]:
        """The weighted losses of a batch: their sum is minimised."""

    @abstractmethod
    def criterion(self, found: MaskPredictions, targets: Sequence[MaskTarget]) -> dict[str, Tensor]:
        """The weighted losses of predictions, by name."""

    @abstractmethod
    def part(self, name: str) -> nn.Module:
        """The part that a file of weights is for: "backbone", say. The empty name is the whole."""
