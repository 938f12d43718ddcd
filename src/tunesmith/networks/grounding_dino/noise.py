"""Queries made of noisy boxes, from which the boxes are to be restored (DN-DETR, Li et al. 2022; DINO)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_convert

from tunesmith.networks.grounding_dino.losses import TokenTarget


class Noise(NamedTuple):
    """Noisy queries, which come before the others.

    Attributes:
        boxes: (batch, noisy, 4).
        tokens: bool (batch, noisy, tokens): the words of the noisy labels.
        matches: of each image the queries that are to be restored, and the objects they stand for.
        groups: how often each object is restored.
        seen: bool (noisy, noisy): which noisy query may look at which.
    """

    boxes: Tensor
    tokens: Tensor
    matches: list[tuple[Tensor, Tensor]]
    groups: int
    seen: Tensor

    def apart(self, queries: int) -> Tensor:
        """(all, all): the lowest number where a query must not look at another; `queries` are not noisy."""
        count = len(self.seen)
        whole = torch.zeros(count + queries, count + queries, device=self.seen.device)
        lowest = torch.finfo(whole.dtype).min
        whole[:count, :count] = torch.where(self.seen, 0.0, lowest)
        whole[count:, :count] = lowest
        return whole


def noise_of(
    targets: Sequence[TokenTarget], phrases: Sequence[Tensor], number: int, scale: float, wrong: float
) -> Noise | None:
    """Noisy queries for a batch; None if there is no object to add noise to.

    Of each object, a group has one box that is near, and one further away which must find nothing.

    Args:
        targets: what is there.
        phrases: of each image, bool (phrases, tokens): labels to take the wrong ones from.
        number: of noisy queries with a box to restore, for each image.
        scale: how far boxes move, in shares of half their sides.
        wrong: share of the queries with another label, half of which is another one by chance.
    """
    most = max((len(one.boxes) for one in targets), default=0)
    if most == 0:
        return None
    groups = max(1, number // most)
    device, length = targets[0].boxes.device, targets[0].tokens.shape[1]
    boxes = torch.full((len(targets), groups, 2, most, 4), 0.5, device=device)
    tokens = torch.zeros(len(targets), groups, 2, most, length, dtype=torch.bool, device=device)
    matches = []
    starts = torch.arange(groups, device=device)[:, None] * 2 * most
    for row, (one, known) in enumerate(zip(targets, phrases, strict=True)):
        count = len(one.boxes)
        boxes[row, :, :, :count] = _moved(one.boxes, groups, scale)
        tokens[row, :, :, :count] = _relabelled(one.tokens, known, groups, wrong)
        objects = torch.arange(count, device=device)
        matches.append(((starts + objects).flatten(), objects.repeat(groups)))
    group = torch.arange(groups, device=device).repeat_interleave(2 * most)
    return Noise(boxes.flatten(1, 3), tokens.flatten(1, 3), matches, groups, group[:, None] == group[None])


def _moved(boxes: Tensor, groups: int, scale: float) -> Tensor:
    """(groups, near and far, objects, 4) boxes with moved corners."""
    corners = box_convert(boxes, "cxcywh", "xyxy")
    half = boxes[:, 2:].repeat(1, 2) / 2
    shape = (groups, 2, *boxes.shape)
    sign = torch.randint(0, 2, shape, device=boxes.device) * 2.0 - 1.0
    part = torch.rand(shape, device=boxes.device)
    part[:, 1] += 1.0
    moved = (corners + sign * part * half * scale).clamp(0, 1)
    low, high = torch.minimum(moved[..., :2], moved[..., 2:]), torch.maximum(moved[..., :2], moved[..., 2:])
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def _relabelled(tokens: Tensor, known: Tensor, groups: int, wrong: float) -> Tensor:
    """(groups, 2, objects, tokens) words, some of which are another phrase's."""
    shape = (groups, 2, len(tokens))
    if not len(known):
        return tokens.expand(*shape, -1)
    others = known[torch.randint(len(known), shape, device=tokens.device)]
    chosen = torch.rand(shape, device=tokens.device) < wrong / 2
    return torch.where(chosen[..., None], others, tokens)
