"""The bidirectional feature pyramid of EfficientDet and its heads (Tan et al. 2020, arXiv 1911.09070).

Names of weights are those of the published PyTorch models; how maps are padded and pooled is TensorFlow's, in
which these were trained.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from timm.layers.create_conv2d import create_conv2d
from timm.layers.padding import pad_same
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu, silu

LEVELS = 5
"""Maps of the pyramid, each half as large as the one before."""

_EPSILON = 1e-3  # of batch normalisation, as published
_STABLE = 1e-4  # what is added to the sum of weights that divides
_POOL = 3

_convolution = cast("Callable[..., nn.Module]", create_conv2d)


class Separable(nn.Module):
    """A depthwise convolution of 3 x 3, then one of 1 x 1, and batch normalisation if asked for."""

    def __init__(self, channels: int, outputs: int, *, norm: bool = False) -> None:
        super().__init__()
        self.conv_dw = _convolution(channels, channels, 3, padding="same", depthwise=True)
        self.conv_pw = _convolution(channels, outputs, 1, padding="same", bias=True)
        self.bn = batch_norm(outputs) if norm else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) to (batch, outputs, height, width)."""
        found: Tensor = self.bn(self.conv_pw(self.conv_dw(images)))
        return found


class Projection(nn.Module):
    """Brings a map to the channels of the pyramid."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv = _convolution(channels, outputs, 1, padding="same", bias=True)
        self.bn = batch_norm(outputs)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) to (batch, outputs, height, width)."""
        found: Tensor = self.bn(self.conv(images))
        return found


class Resampling(nn.Module):
    """Brings a map to the channels and the size of another one."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv = Projection(channels, outputs) if channels != outputs else nn.Identity()

    def forward(self, images: Tensor, size: torch.Size) -> Tensor:
        """The map with this height and width: pooled to half of it, or its pixels repeated."""
        return sized(self.conv(images), size)


class Fusion(nn.Module):
    """The weighted mean of several maps, whose weights are learnt (fast normalised fusion).

    Each weight is a parameter of its own, for it belongs to no channel that pruning may remove.
    """

    def __init__(self, inputs: Sequence[tuple[int, int]], outputs: int) -> None:
        super().__init__()
        self._places = tuple(place for place, _ in inputs)
        self.resample = nn.ModuleDict(
            {str(place): Resampling(channels, outputs) for place, channels in inputs}
        )
        self.edge_weights = nn.ParameterList(nn.Parameter(torch.ones(())) for _ in inputs)

    def forward(self, maps: Sequence[Tensor], size: torch.Size) -> Tensor:
        """The mean of those of the maps that it is made for."""
        weights = [relu(one) for one in self.edge_weights]
        total = sum(weights[1:], weights[0]) + _STABLE
        found = [
            resample(maps[place], size) * (weight / total)
            for place, resample, weight in zip(self._places, self.resample.values(), weights, strict=True)
        ]
        mean: Tensor = sum(found[1:], found[0])
        return mean


class Node(nn.Module):
    """A place of the pyramid: maps are fused, and a convolution follows."""

    def __init__(self, inputs: Sequence[tuple[int, int]], outputs: int) -> None:
        super().__init__()
        self.combine = Fusion(inputs, outputs)
        self.after_combine = nn.ModuleDict({"conv": Separable(outputs, outputs, norm=True)})

    def forward(self, maps: Sequence[Tensor], size: torch.Size) -> Tensor:
        """A map of this size."""
        found: Tensor = self.after_combine["conv"](silu(self.combine(maps, size)))
        return found


class Cell(nn.Module):
    """One pass down and up again through the levels."""

    def __init__(self, channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        known = [*channels, *[outputs] * (2 * LEVELS - 2)]
        self._levels = tuple(level for level, _ in _wiring())
        self.fnode = nn.ModuleList(
            Node([(place, known[place]) for place in places], outputs) for _, places in _wiring()
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The maps, the finest first, to as many others of the same sizes."""
        known = list(maps)
        for level, node in zip(self._levels, self.fnode, strict=True):
            known.append(node(known, maps[level].shape[-2:]))
        return known[-LEVELS:]


class BiFpn(nn.Module):
    """The pyramid: two maps are added to a backbone's three, and cells mix all five.

    Args:
        channels: of the backbone's maps, the finest first.
        outputs: channels of all maps of the pyramid.
        cells: how many.
    """

    def __init__(self, channels: Sequence[int], outputs: int, cells: int) -> None:
        super().__init__()
        levels = [*channels, *[outputs] * (LEVELS - len(channels))]
        self.resample = nn.ModuleDict(
            {str(level): Resampling(levels[level - 1], outputs) for level in range(len(channels), LEVELS)}
        )
        self.cell = nn.ModuleList(
            Cell(levels if cell == 0 else [outputs] * LEVELS, outputs) for cell in range(cells)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Three maps to five of the same channels."""
        found = list(maps)
        for resample in self.resample.values():
            found.append(resample(found[-1], half(found[-1].shape[-2:])))
        for cell in self.cell:
            found = cell(found)
        return found


class Head(nn.Module):
    """Predicts at each place of each map. The convolutions are shared, batch normalisation is not."""

    def __init__(self, channels: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.conv_rep = nn.ModuleList(Separable(channels, channels) for _ in range(layers))
        self.bn_rep = nn.ModuleList(
            nn.ModuleList(nn.ModuleDict({"bn": batch_norm(channels)}) for _ in range(LEVELS))
            for _ in range(layers)
        )
        self.predict = Separable(channels, outputs)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """For each map (batch, outputs, height, width)."""
        return [self._at(level, found) for level, found in enumerate(maps)]

    def _at(self, level: int, found: Tensor) -> Tensor:
        for conv, norms in zip(self.conv_rep, self.bn_rep, strict=True):
            found = silu(norms[level]["bn"](conv(found)))  # type: ignore[index]
        predicted: Tensor = self.predict(found)
        return predicted


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with the published constant in the divisor.

    Statistics follow the batches as usual in torch; the published ones follow ten times as slowly, which
    suits trainings of many thousand steps alone.
    """
    return nn.BatchNorm2d(channels, eps=_EPSILON)


def half(size: Sequence[int]) -> torch.Size:
    """Height and width of the next level."""
    return torch.Size([-(-side // 2) for side in size])


def sized(found: Tensor, size: torch.Size) -> Tensor:
    """A map with this height and width, each of which is about half or twice what it was."""
    height, width = found.shape[-2:]
    if (height, width) == tuple(size):
        return found
    if height > size[0] or width > size[1]:
        padded = pad_same(found, [_POOL, _POOL], [2, 2], value=-float("inf"))
        return max_pool2d(padded, _POOL, 2)
    return interpolate(found, tuple(size))


def _wiring() -> Iterator[tuple[int, list[int]]]:
    """The nodes of a cell: the level of each, and the maps it fuses, those of earlier nodes among them."""
    known = {level: [level] for level in range(LEVELS)}
    made = LEVELS
    for level in range(LEVELS - 2, -1, -1):
        yield level, [known[level][-1], known[level + 1][-1]]
        known[level].append(made)
        made += 1
    for level in range(1, LEVELS):
        yield level, [*known[level], known[level - 1][-1]]
        known[level].append(made)
        made += 1
