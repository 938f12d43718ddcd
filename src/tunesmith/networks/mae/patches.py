"""Images as rows of square patches, of which some are hidden."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

_EPSILON = 1e-6


def patchify(images: Tensor, side: int) -> Tensor:
    """(batch, channels, height, width) as (batch, patches, side * side * channels), row by row."""
    batch, channels, height, width = images.shape
    rows, columns = height // side, width // side
    cut = images.reshape(batch, channels, rows, side, columns, side)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, side * side * channels)


def unpatchify(patches: Tensor, side: int, height: int, width: int) -> Tensor:
    """The images of patches: what `patchify` was given."""
    rows, columns = height // side, width // side
    cut = patches.reshape(len(patches), rows, columns, side, side, -1)
    return cut.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), -1, height, width)


def kept_count(patches: int, ratio: float) -> int:
    """How many patches stay visible: at least one, and not all."""
    return min(max(1, round(patches * (1 - ratio))), patches - 1)


def draw_kept(batch: int, patches: int, ratio: float, device: torch.device) -> Tensor:
    """Random patches to keep, (batch, kept), each row in rising order."""
    noise = torch.rand(batch, patches, device=device)
    return noise.argsort(dim=1)[:, : kept_count(patches, ratio)].sort(dim=1).values


def fixed_kept(patches: int, ratio: float) -> Tensor:
    """The patches that stay visible wherever a model is measured: the same ones each time, (kept,)."""
    order = torch.randperm(patches, generator=torch.Generator().manual_seed(0))
    return order[: kept_count(patches, ratio)].sort().values


def hidden(kept: Tensor, patches: int) -> Tensor:
    """1 where a patch is hidden, 0 where it is kept: (batch, patches) for (batch, kept)."""
    return torch.ones(len(kept), patches, device=kept.device).scatter(1, kept, 0.0)


def normalised(patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Patches with mean 0 and deviation 1 each, and the mean and the deviation they had."""
    mean = patches.mean(dim=-1, keepdim=True)
    deviation = (patches.var(dim=-1, keepdim=True) + _EPSILON).sqrt()
    return (patches - mean) / deviation, mean, deviation


def reconstruction_losses(
    images: Tensor, predicted: Tensor, kept: Tensor, side: int, *, by_patch: bool
) -> Tensor:
    """The mean squared error at the hidden patches of each image: (batch,).

    Args:
        images: what was to be filled in, normalised.
        predicted: (batch, patches, side * side * channels).
        kept: the patches that could be seen, (batch, kept).
        side: of a patch in pixels.
        by_patch: whether the pixels of each patch are normalised first.
    """
    wanted = patchify(images.float(), side)
    if by_patch:
        wanted = normalised(wanted)[0]
    errors = mse_loss(predicted.float(), wanted, reduction="none").mean(dim=-1)
    unseen = hidden(kept, errors.shape[1])
    return (errors * unseen).sum(dim=1) / unseen.sum(dim=1)
