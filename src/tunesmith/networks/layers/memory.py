"""What an encoder with deformable attention makes of images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tunesmith.networks.layers.detector import Target
from tunesmith.networks.layers.places import Grid


@dataclass(frozen=True)
class Memory:
    """What an encoder makes of a batch.

    Attributes:
        features: (batch, places, width), the places of all maps one after another.
        grids: the places of each map.
        shapes: height and width of each map.
        sizes: the same as a tensor (levels, 2).
        starts: (levels,): where each map begins.
        extent: (batch, 1, 4): the image's share of the input across and downwards, twice.
    """

    features: Tensor
    grids: tuple[Grid, ...]
    shapes: list[tuple[int, int]]
    sizes: Tensor
    starts: Tensor
    extent: Tensor

    @property
    def valid(self) -> Tensor:
        """Whether a place belongs to the image and not to what fills it up: (batch, places)."""
        return torch.cat([grid.valid for grid in self.grids], dim=1)

    @property
    def ratios(self) -> Tensor:
        """The image's share of each map, across and downwards: (batch, levels, 2)."""
        return torch.stack([grid.ratio for grid in self.grids], dim=1)

    def attended(self) -> dict[str, Any]:
        """What deformable attention takes of it."""
        return {
            "encoder_hidden_states": self.features,
            "encoder_attention_mask": self.valid,
            "spatial_shapes": self.sizes,
            "spatial_shapes_list": self.shapes,
            "level_start_index": self.starts,
        }

    def maps(self) -> tuple[Tensor, ...]:
        """The features of each map, (batch, width, height, width of the map)."""
        areas = [height * width for height, width in self.shapes]
        parts = torch.split(self.features, areas, dim=1)
        pairs = zip(parts, self.shapes, strict=True)
        return tuple(part.transpose(1, 2).reshape(part.shape[0], -1, *shape) for part, shape in pairs)

    def of_image(self, targets: Sequence[Target]) -> list[Target]:
        """Targets whose boxes are shares of the images, instead of the inputs: so the decoder sees them."""
        pairs = zip(targets, self.extent, strict=True)
        return [{**one, "boxes": one["boxes"] / extent} for one, extent in pairs]

    def of_input(self, boxes: Tensor) -> Tensor:
        """Boxes (batch, candidates, 4) in shares of the images as shares of the inputs."""
        return boxes * self.extent
