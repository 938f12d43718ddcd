"""Losses of words and boxes: each object has one query, which is to be scored by the object's words."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import l1_loss
from torchvision.ops import box_convert, generalized_box_iou, sigmoid_focal_loss

from tunesmith.networks.layers.set_losses import LossWeights

Match = tuple[Tensor, Tensor]
"""Of an image: queries, and the objects that they stand for."""


class TokenTarget(NamedTuple):
    """What is in an image.

    Attributes:
        boxes: (objects, 4), centre x and y, width, height as shares of the input.
        tokens: bool (objects, tokens): the words of each object.
        masks: (objects, height, width), 1 inside; None where masks are not learnt.
    """

    boxes: Tensor
    tokens: Tensor
    masks: Tensor | None = None


class Layer(NamedTuple):
    """What one layer predicts.

    Attributes:
        logits: of each token for each query, (batch, queries, tokens).
        boxes: (batch, queries, 4).
    """

    logits: Tensor
    boxes: Tensor


class TokenLosses:
    """The losses of layers.

    Args:
        weights: of losses, and of what decides on matches.
    """

    def __init__(self, weights: LossWeights) -> None:
        self.weights = weights

    def match(self, layer: Layer, targets: Sequence[TokenTarget]) -> list[Match]:
        """The best query for each object."""
        return [
            self._matched(logits, boxes, target)
            for logits, boxes, target in zip(
                layer.logits.detach(), layer.boxes.detach(), targets, strict=True
            )
        ]

    def of(
        self,
        layer: Layer,
        targets: Sequence[TokenTarget],
        matches: Sequence[Match],
        valid: Tensor,
        repeats: int = 1,
    ) -> dict[str, Tensor]:
        """The weighted losses of a layer.

        Args:
            layer: what it predicts.
            targets: what is there.
            matches: of each image.
            valid: bool (batch, tokens): what is no padding.
            repeats: how often each object is looked for.
        """
        weights = self.weights
        count = max(1, repeats * sum(len(one.boxes) for one in targets))
        wanted = torch.zeros_like(layer.logits)
        for row, ((queries, objects), one) in enumerate(zip(matches, targets, strict=True)):
            wanted[row, queries] = one.tokens[objects].to(wanted.dtype)
        chosen = valid[:, None].expand_as(wanted)
        words = sigmoid_focal_loss(
            layer.logits[chosen], wanted[chosen], weights.alpha, weights.gamma, reduction="sum"
        )
        found = torch.cat([boxes[queries] for boxes, (queries, _) in zip(layer.boxes, matches, strict=True)])
        true = torch.cat([one.boxes[objects] for one, (_, objects) in zip(targets, matches, strict=True)])
        overlap = generalized_box_iou(_corners(found), _corners(true)).diagonal()
        return {
            "loss_class": weights.classes * words / count,
            "loss_bbox": weights.boxes * l1_loss(found, true, reduction="sum") / count,
            "loss_giou": weights.overlap * (1 - overlap).sum() / count,
        }

    def _matched(self, logits: Tensor, boxes: Tensor, target: TokenTarget) -> Match:
        device = logits.device
        share = target.tokens.float()
        share = share / share.sum(dim=1, keepdim=True).clamp_min(1)
        costs, alpha, gamma = self.weights.costs, self.weights.alpha, self.weights.gamma
        chance = logits.float().sigmoid()
        gain = alpha * (1 - chance) ** gamma * -(chance + 1e-8).log()
        loss = (1 - alpha) * chance**gamma * -(1 - chance + 1e-8).log()
        found, true = boxes.float(), target.boxes.float()
        cost = costs[0] * (gain - loss) @ share.T + costs[1] * torch.cdist(found, true, p=1)
        cost = cost - costs[2] * generalized_box_iou(_corners(found), _corners(true))
        queries, objects = linear_sum_assignment(cost.nan_to_num(1e6, 1e6, 1e6).cpu().numpy())
        return (torch.as_tensor(queries, device=device), torch.as_tensor(objects, device=device))


def _corners(boxes: Tensor) -> Tensor:
    corners: Tensor = box_convert(boxes.float(), "cxcywh", "xyxy")
    return corners
