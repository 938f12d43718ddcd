"""Places in images that are filled up right and below to the size of their batch."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


def extent_of(images: Tensor) -> Tensor:
    """The shares of the inputs (batch, channels, height, width) that are images: (batch, 2), across and down.

    Rows below and columns at the right in which all is 0 fill an image up. No pixel of a real image is 0
    after normalisation, unless a mean is one of the 256 values of pixels: then black margins count too.
    """
    seen = images.detach().abs()
    return torch.stack([_share(seen.amax(dim=(1, 2))), _share(seen.amax(dim=(1, 3)))], dim=-1)


@dataclass(frozen=True)
class Grid:
    """The places of a feature map, row by row.

    Attributes:
        rows: (batch, height): whether a row belongs to the image.
        columns: (batch, width).
    """

    rows: Tensor
    columns: Tensor

    @classmethod
    def of(cls, extent: Tensor, shape: tuple[int, int]) -> Self:
        """Of a map with this height and width, of images with this extent."""
        return cls(_within(extent[:, 1:], shape[0]), _within(extent[:, :1], shape[1]))

    @property
    def valid(self) -> Tensor:
        """Whether a place belongs to the image: (batch, height * width)."""
        return (self.rows[:, :, None] & self.columns[:, None]).flatten(1)

    @property
    def ratio(self) -> Tensor:
        """The image's share of the map: (batch, 2), across and downwards."""
        return torch.stack([one.float().mean(dim=1) for one in (self.columns, self.rows)], dim=-1)

    def centres(self) -> Tensor:
        """Centres of the places as shares of the image: (batch, height * width, 2), across and downwards."""
        across, down = _centres(self.columns), _centres(self.rows)
        height, width = down.shape[1], across.shape[1]
        pairs = (across[:, None].expand(-1, height, -1), down[:, :, None].expand(-1, -1, width))
        return torch.stack(pairs, dim=-1).flatten(1, 2)

    def positions(self, width: int, temperatures: tuple[int, int]) -> Tensor:
        """Sines and cosines of where a place is in its image.

        Args:
            width: numbers for each place, half of them for each direction.
            temperatures: downwards and across.

        Returns:
            (batch, height * width, width): downwards first.
        """
        down = waves(_centres(self.rows), width // 2, temperatures[0])
        across = waves(_centres(self.columns), width // 2, temperatures[1])
        height, columns = down.shape[1], across.shape[1]
        parts = (down[:, :, None].expand(-1, -1, columns, -1), across[:, None].expand(-1, height, -1, -1))
        return torch.cat(parts, dim=-1).flatten(1, 2)


def waves(shares: Tensor, width: int, temperature: float = 10000) -> Tensor:
    """Shares (..., 0 to 1) as sines and cosines of `width` frequencies: (..., width)."""
    order = torch.arange(width, dtype=torch.float32, device=shares.device)
    angles = shares[..., None] * 2 * math.pi / temperature ** (2 * (order // 2) / width)
    return torch.stack([angles[..., 0::2].sin(), angles[..., 1::2].cos()], dim=-1).flatten(-2)


def logit(shares: Tensor, eps: float = 1e-5) -> Tensor:
    """The inverse of the sigmoid, finite at 0 and 1."""
    # torch's exporter turns a whole number into a tensor, and no clamp takes a number beside one.
    return torch.log(shares.clamp(eps, 1.0) / (1 - shares).clamp(eps, 1.0))


def _share(largest: Tensor) -> Tensor:
    """Up to where the largest values (batch, places) are not 0, as a share; at least one place."""
    count = largest.shape[1]
    order = torch.arange(1, count + 1, device=largest.device)
    return ((largest > 0) * order).amax(dim=1).clamp_min(1) / count


def _within(share: Tensor, count: int) -> Tensor:
    """Which of some places begin inside of the shares (batch, 1): (batch, count)."""
    return torch.arange(count, device=share.device) < share * count - 1e-3  # rounding must not add a place


def _centres(inside: Tensor) -> Tensor:
    """Centres of places (batch, count) as shares of those that are inside."""
    order = torch.arange(inside.shape[1], device=inside.device)
    return (order + 0.5) / inside.sum(dim=1, keepdim=True)
