"""Images as the encoder of Grounding DINO takes them: maps of a backbone, in a row."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from tunesmith.networks.backbones import backbone_of
from tunesmith.networks.grounding_dino.configuration import GROUPS
from tunesmith.networks.layers.places import Grid, waves
from tunesmith.networks.layers.pyramid import Pyramid


class Places(NamedTuple):
    """Places of all maps, one after another.

    Attributes:
        features: (batch, places, width).
        valid: bool (batch, places): whether a place belongs to the image and not to what fills it up.
        positions: (batch, places, width): where it is, as waves.
        shapes: height and width of each map.
        sizes: the same as a tensor (levels, 2).
        starts: (levels,): where each map begins.
        ratios: (batch, levels, 2): the image's share of the input, across and downwards.
    """

    features: Tensor
    valid: Tensor
    positions: Tensor
    shapes: list[tuple[int, int]]
    sizes: Tensor
    starts: Tensor
    ratios: Tensor

    def maps(self, features: Tensor) -> list[Tensor]:
        """Features of all places as maps (batch, width, height, width)."""
        parts = torch.split(features, [height * width for height, width in self.shapes], dim=1)
        return [
            part.transpose(1, 2).reshape(part.shape[0], -1, *shape)
            for part, shape in zip(parts, self.shapes, strict=True)
        ]


def projections(channels: Sequence[int], levels: int, width: int) -> nn.ModuleList:
    """What brings maps to one width; those that lack are made of the last one."""
    further = [channels[-1], *[width] * levels][: levels - len(channels)]
    return nn.ModuleList(
        [
            *(_projection(one, width, 1) for one in channels),
            *(_projection(one, width, 3) for one in further),
        ]
    )


class MapNorm(nn.LayerNorm):
    """Normalises the channels of each place of a map (batch, channels, height, width)."""

    def forward(self, found: Tensor) -> Tensor:
        """The map, normalised."""
        return super().forward(found.movedim(1, -1)).movedim(-1, 1)


def map_norms(name: str, backbone: Pyramid) -> nn.ModuleDict:
    """What normalises the maps of a Swin, by their stages; those of other backbones stay as they are."""
    swin = backbone_of(name).timm_name.startswith("swin_")
    pairs = zip(backbone.stages, backbone.channels, strict=True)
    return nn.ModuleDict({str(stage): MapNorm(width) if swin else nn.Identity() for stage, width in pairs})


def placed(
    raw: list[Tensor],
    extent: Tensor,
    projected: nn.ModuleList,
    level_embed: Tensor,
    temperatures: tuple[int, int],
) -> Places:
    """The maps of a backbone in a row.

    Args:
        raw: (batch, channels, height, width) each, the finest first.
        extent: the shares of the inputs that are images, (batch, 2), across and down.
        projected: brings maps to one width.
        level_embed: (levels, width), added to the positions of each map.
        temperatures: of the position encoding, downwards and across.
    """
    maps = _projected(raw, projected)
    shapes = [(one.shape[-2], one.shape[-1]) for one in maps]
    grids = [Grid.of(extent, shape) for shape in shapes]
    valid = [grid.valid.reshape(-1, *shape) for grid, shape in zip(grids, shapes, strict=True)]
    positions = [
        _positions(inside, level_embed.shape[1], temperatures) + level_embed[level]
        for level, inside in enumerate(valid)
    ]
    sizes = torch.tensor(shapes, dtype=torch.long, device=extent.device)
    return Places(
        torch.cat([one.flatten(2).transpose(1, 2) for one in maps], dim=1),
        torch.cat([one.flatten(1) for one in valid], dim=1),
        torch.cat(positions, dim=1),
        shapes,
        sizes,
        torch.cat([sizes.new_zeros(1), sizes.prod(1).cumsum(0)[:-1]]),
        torch.stack([grid.ratio for grid in grids], dim=1),
    )


def _positions(valid: Tensor, width: int, temperatures: tuple[int, int]) -> Tensor:
    """Waves (batch, places, width) of where the places of a map are in their image: down, then across."""
    found = []
    for direction, temperature in zip((1, 2), temperatures, strict=True):
        steps = valid.float().cumsum(direction)
        last = steps.narrow(direction, steps.shape[direction] - 1, 1)
        found.append(waves(steps / (last + 1e-6), width // 2, temperature))
    return torch.cat(found, dim=-1).flatten(1, 2)


def _projected(raw: list[Tensor], projected: nn.ModuleList) -> list[Tensor]:
    found = [project(one) for project, one in zip(projected, raw, strict=False)]
    last = raw[-1]
    for project in list(projected)[len(raw) :]:
        last = project(last)
        found.append(last)
    return found


def _projection(channels: int, width: int, kernel: int) -> nn.Module:
    stride, padding = (1, 0) if kernel == 1 else (2, 1)
    convolution = nn.Conv2d(channels, width, kernel, stride, padding)
    nn.init.xavier_uniform_(convolution.weight)
    nn.init.zeros_(cast("Tensor", convolution.bias))
    return nn.Sequential(convolution, nn.GroupNorm(GROUPS, width))
