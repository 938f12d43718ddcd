"""The losses of mal: rows and columns of a box, and colours of neighbours (Lan et al. 2023, section 3)."""

import torch
from torch import Tensor
from torch.nn.functional import pad, unfold

_EPSILON = 1e-6
_SETTLED = 1e-3


def dice_loss(found: Tensor, wanted: Tensor, counted: Tensor | None = None) -> Tensor:
    """One minus twice the overlap over the sum of both, of each row: (batch, n) to (batch,).

    `counted` is 1 where a place counts.
    """
    if counted is not None:
        found, wanted = found * counted, wanted * counted
    both = (found * wanted).sum(dim=1)
    return 1 - (2 * both + _EPSILON) / (found.square().sum(dim=1) + wanted.square().sum(dim=1) + _EPSILON)


def mil_losses(masks: Tensor, inside: Tensor) -> Tensor:
    """Every row and every column of a box holds some of the object, and none beyond it does: (batch,).

    Args:
        masks: probabilities (batch, height, width).
        inside: 1 in the box, (batch, height, width).
    """
    rows = dice_loss(masks.amax(dim=2), inside.amax(dim=2))
    columns = dice_loss(masks.amax(dim=1), inside.amax(dim=1))
    return (rows + columns) / 2


def affinities(images: Tensor, size: int, zeta: float) -> Tensor:
    """How alike each pixel and its neighbours are: (batch, size * size, height * width), 0 beyond the image.

    Args:
        images: colours from 0 to 1, (batch, 3, height, width).
        size: side of the square of neighbours, odd.
        zeta: the difference of colours that still counts.
    """
    batch, channels, height, width = images.shape
    near = _neighbours(images, size).view(batch, channels, size * size, height * width)
    apart = (near - images.view(batch, channels, 1, height * width)).square().sum(dim=1)
    alike = torch.exp(-apart / (2 * zeta**2)) * _neighbours(torch.ones_like(images[:, :1]), size)
    alike[:, size * size // 2] = 0  # a pixel is not its own neighbour
    return alike


def mean_field(masks: Tensor, inside: Tensor, alike: Tensor, size: int, rounds: int) -> Tensor:
    """Masks after neighbours have come to agree (Krähenbühl and Koltun 2011): (batch, height, width).

    Args:
        masks: probabilities (batch, height, width).
        inside: 1 in the box: nothing else can belong to the object.
        alike: of `affinities`.
        size: side of the square of neighbours.
        rounds: at most.
    """
    own = torch.logit(masks.clamp(1e-4, 1 - 1e-4))
    shape, found = masks.shape, masks * inside
    for _ in range(rounds):
        near = _neighbours(found[:, None], size)
        votes = (alike * (2 * near - 1)).sum(dim=1).view(shape)
        changed = torch.sigmoid(own + votes) * inside
        settled = float((changed - found).abs().max()) < _SETTLED
        found = changed
        if settled:
            break
    return found


def crf_losses(masks: Tensor, suggested: Tensor, high: float, low: float) -> Tensor:
    """How far masks are from what the colours suggest: (batch,).

    Args:
        masks: probabilities (batch, height, width).
        suggested: of `mean_field`.
        high: probability from which a pixel is taken to be inside.
        low: probability below which it is taken to be outside; what is between does not count.
    """
    wanted = (suggested >= high).float()
    counted = ((suggested >= high) | (suggested < low)).float()
    return dice_loss(masks.flatten(1), wanted.flatten(1), counted.flatten(1))


def _neighbours(maps: Tensor, size: int) -> Tensor:
    """(batch, channels * size * size, height * width)."""
    return unfold(pad(maps, [size // 2] * 4), size)
