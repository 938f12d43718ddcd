"""EfficientDet's losses: focal for classes, Huber's for boxes, and one by overlap if asked for."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, huber_loss, one_hot
from torchvision.ops import (
    box_iou,
    complete_box_iou_loss,
    distance_box_iou_loss,
    generalized_box_iou_loss,
)

from tunesmith.networks.efficientdet_tf2.anchors import corners, decode, encode
from tunesmith.networks.efficientdet_tf2.spec import Train
from tunesmith.networks.layers.detector import Target

_ALPHA, _GAMMA = 0.25, 1.5  # of the focal loss (Lin et al. 2017), as in EfficientDet's own training
_DELTA = 0.1  # from where on Huber's loss is linear
_ENOUGH = 0.5  # overlap from which an anchor answers for a box
_NONE = -1


class Losses:
    """The weighted losses of a batch.

    Args:
        anchors: (anchors, 4).
        classes: how many.
        train: the section of the spec.
    """

    def __init__(self, anchors: Tensor, classes: int, train: Train) -> None:
        self._anchors, self._classes, self._train = anchors, classes, train

    def __call__(self, logits: Tensor, codes: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The losses by name, each a sum over the anchors by the number of those that answer for a box.

        Args:
            logits: (batch, anchors, classes).
            codes: (batch, anchors, 4), beside the anchors.
            targets: what is to be found, an image each.
        """
        anchors = self._anchors.to(logits.device)
        answers = [assign(anchors, target["boxes"].to(logits.device)) for target in targets]
        count = torch.stack([(one != _NONE).sum() for one in answers]).sum() + 1.0
        wanted = torch.stack(
            [
                _wanted(one, target["class_labels"].to(logits.device), self._classes)
                for one, target in zip(answers, targets, strict=True)
            ]
        )
        losses = {"loss_class": _focal(logits.float(), wanted, self._train.label_smoothing) / count}
        places = torch.stack(answers) != _NONE
        found = codes.float()[places]
        own = anchors.expand(len(targets), -1, -1)[places]
        boxes = torch.cat(
            [
                target["boxes"].to(logits.device)[one[one != _NONE]]
                for one, target in zip(answers, targets, strict=True)
            ]
        )
        huber = huber_loss(found, encode(boxes, own), reduction="sum", delta=_DELTA) / (4 * count)
        losses["loss_bbox"] = self._train.box_loss_weight * huber
        if self._train.iou_loss_type:
            apart = OVERLAPS[self._train.iou_loss_type](corners(decode(found, own)), corners(boxes))
            losses["loss_giou"] = self._train.iou_loss_weight * apart / count
        return losses


def assign(anchors: Tensor, boxes: Tensor) -> Tensor:
    """The box that each anchor answers for, (anchors,); -1 for none. Each box has at least one anchor."""
    if not len(boxes):
        return torch.full((len(anchors),), _NONE, device=anchors.device)
    overlaps: Tensor = box_iou(corners(boxes), corners(anchors))
    most, which = overlaps.max(dim=0)
    which[most < _ENOUGH] = _NONE
    which[overlaps.argmax(dim=1)] = torch.arange(len(boxes), device=anchors.device)
    return which


def _wanted(answers: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(anchors, classes): 1 for the class of the box that an anchor answers for."""
    if not len(labels):
        return torch.zeros(len(answers), classes, device=answers.device)
    known: Tensor = one_hot(labels[answers.clamp_min(0)], classes).float()
    return known * (answers != _NONE).unsqueeze(1)


def _focal(logits: Tensor, wanted: Tensor, smoothing: float) -> Tensor:
    chances = logits.sigmoid()
    right = wanted * chances + (1 - wanted) * (1 - chances)
    weights = (wanted * _ALPHA + (1 - wanted) * (1 - _ALPHA)) * (1 - right) ** _GAMMA
    smooth = wanted * (1 - smoothing) + 0.5 * smoothing
    return (weights * binary_cross_entropy_with_logits(logits, smooth, reduction="none")).sum()


def _overlap_loss(found: Tensor, boxes: Tensor) -> Tensor:
    least, most = torch.maximum(found[:, :2], boxes[:, :2]), torch.minimum(found[:, 2:], boxes[:, 2:])
    common = (most - least).clamp_min(0).prod(dim=1)
    areas = [(one[:, 2:] - one[:, :2]).prod(dim=1) for one in (found, boxes)]
    overlaps: Tensor = common / (areas[0] + areas[1] - common).clamp_min(1e-9)
    return (1 - overlaps).sum()


OVERLAPS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "iou": _overlap_loss,
    "giou": lambda found, boxes: generalized_box_iou_loss(found, boxes, reduction="sum"),
    "diou": lambda found, boxes: distance_box_iou_loss(found, boxes, reduction="sum"),
    "ciou": lambda found, boxes: complete_box_iou_loss(found, boxes, reduction="sum"),
}
"""Losses of boxes by overlap, by the names of train.iou_loss_type, each summed over the boxes."""
