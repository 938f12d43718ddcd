"""A head of masks: features of pixels times embeddings of queries, as in MaskFormer (Cheng et al. 2021).

A mask is learnt and read around its box alone: where an object is, the box says.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate, relu
from transformers.models.grounding_dino.modeling_grounding_dino import GroundingDinoMLPPredictionHead

from tunesmith.networks.grounding_dino.configuration import GROUPS
from tunesmith.networks.grounding_dino.losses import Match, TokenTarget

_MARGIN = 1.2  # of a box, to learn also where its object ends
STRIDE = 4
"""Pixels of an input between two of a mask."""


class MaskHead(nn.Module):
    """Masks of queries."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(levels))
        self.smooth = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.GroupNorm(GROUPS, width)
        self.project = nn.Conv2d(width, width, 1)
        self.embed = GroundingDinoMLPPredictionHead(width, width, width, 3)  # type: ignore[no-untyped-call]

    def pixels(self, maps: Sequence[Tensor], images: Tensor) -> Tensor:
        """Features (batch, width, height / 4, width / 4) of images, from maps with the finest first."""
        found = self.lateral[-1](maps[-1])
        for lateral, one in zip(self.lateral[-2::-1], maps[-2::-1], strict=True):
            found = lateral(one) + _sized(found, (one.shape[-2], one.shape[-1]))
        height, width = (-(-side // STRIDE) for side in images.shape[-2:])
        found = relu(self.norm(self.smooth(_sized(found, (height, width)))))
        projected: Tensor = self.project(found)
        return projected

    def forward(self, queries: Tensor, pixels: Tensor) -> Tensor:
        """The logits of masks (batch, queries, height / 4, width / 4)."""
        return torch.einsum("bqc,bchw->bqhw", self.embed(queries), pixels)


def mask_losses(
    head: MaskHead,
    queries: Tensor,
    pixels: Tensor,
    targets: Sequence[TokenTarget],
    matches: Sequence[Match],
    weights: tuple[float, float],
) -> dict[str, Tensor]:
    """The losses of the masks of matched queries, around the boxes of their objects.

    Args:
        head: makes the masks.
        queries: (batch, queries, width).
        pixels: features of the images.
        targets: what is there, with masks.
        matches: which query stands for which object.
        weights: of cross-entropy and dice.
    """
    count = max(1, sum(len(one.boxes) for one in targets))
    cross, dice = queries.new_zeros(()), queries.new_zeros(())
    for row, ((chosen, objects), one) in enumerate(zip(matches, targets, strict=True)):
        logits = head(queries[row : row + 1, chosen], pixels[row : row + 1])[0].float().flatten(1)
        if one.masks is None:
            continue
        true = one.masks[objects].to(logits.dtype).flatten(1)
        around = _around(one.boxes[objects], (pixels.shape[-2], pixels.shape[-1])).to(logits.dtype).flatten(1)
        true = true * around
        each = binary_cross_entropy_with_logits(logits, true, reduction="none") * around
        cross = cross + (each.sum(1) / around.sum(1).clamp_min(1)).sum()
        share = logits.sigmoid() * around
        overlap = (2 * (share * true).sum(1) + 1) / (share.sum(1) + true.sum(1) + 1)
        dice = dice + (1 - overlap).sum()
    return {"loss_mask": weights[0] * cross / count, "loss_dice": weights[1] * dice / count}


def _around(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Whether pixels are near boxes (n, 4), in or around them: bool (n, height, width)."""
    near = []
    for axis, count in ((1, size[0]), (0, size[1])):
        centres = (torch.arange(count, device=boxes.device) + 0.5) / count
        reach = boxes[:, 2 + axis, None] / 2 * _MARGIN + 1 / count
        near.append((centres - boxes[:, axis, None]).abs() <= reach)
    return near[0][:, :, None] & near[1][:, None]


def _sized(found: Tensor, size: tuple[int, int]) -> Tensor:
    return interpolate(found, size, mode="bilinear", align_corners=False)
