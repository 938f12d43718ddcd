"""Metrics of a segmentation, from its logits."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, interpolate

from tunesmith.training.engine.training import Measured
from tunesmith.training.tasks.segmentation.images import SegmentBatch
from tunesmith.training.tasks.segmentation.labels import IGNORED


def at_size(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Logits (batch, classes, height, width) at the height and width of a mask."""
    if tuple(logits.shape[-2:]) == tuple(size):
        return logits
    return interpolate(logits, tuple(size), mode="bilinear", align_corners=False)


def confusion_of(predicted: Tensor, masks: Tensor, classes: int) -> Tensor:
    """Counts of pixels (classes, classes): rows are true classes, columns predicted ones."""
    known = masks != IGNORED
    pairs = masks[known] * classes + predicted[known]
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class, in their order. `seen` are those that some pixel has or is predicted to have."""

    iou: tuple[float, ...]
    accuracy: tuple[float, ...]
    precision: tuple[float, ...]
    pixels: tuple[int, ...]
    seen: tuple[bool, ...]

    @classmethod
    def of(cls, confusion: Tensor) -> "ClassScores":
        """The scores in a confusion matrix: rows are true classes, columns predicted ones."""
        hits = confusion.diagonal().double()
        true, predicted = confusion.sum(dim=1), confusion.sum(dim=0)
        union = true + predicted - confusion.diagonal()
        return cls(
            iou=tuple((hits / union.clamp_min(1)).tolist()),
            accuracy=tuple((hits / true.clamp_min(1)).tolist()),
            precision=tuple((hits / predicted.clamp_min(1)).tolist()),
            pixels=tuple(true.tolist()),
            seen=tuple((union > 0).tolist()),
        )

    @property
    def miou(self) -> float:
        """The mean IoU of the classes that were seen."""
        return _mean([value for value, seen in zip(self.iou, self.seen, strict=True) if seen])

    @property
    def mean_accuracy(self) -> float:
        """The mean accuracy of the classes that the masks have."""
        return _mean([value for value, count in zip(self.accuracy, self.pixels, strict=True) if count])


class SegmentationMeter:
    """Loss, mean IoU, mean and pixel accuracy, and the confusion matrix of what it is shown.

    Attributes:
        confusion: (classes, classes) counts of pixels; rows are true classes, columns predicted ones.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)
        self._loss = 0.0

    def update(self, outputs: Tensor, batch: SegmentBatch) -> None:
        """Take in the logits of a batch with masks."""
        masks = batch.masks.to(outputs.device)
        logits = at_size(outputs.float(), masks.shape[-2:])
        self._loss += float(cross_entropy(logits, masks, ignore_index=IGNORED, reduction="sum"))
        self.confusion += confusion_of(logits.argmax(dim=1), masks, len(self._classes)).cpu()

    def compute(self) -> Measured:
        """loss, miou, mAcc and acc; iou and accuracy of each class that was seen."""
        scores, count = self.scores(), max(1, int(self.confusion.sum()))
        values = {
            "loss": self._loss / count,
            "miou": scores.miou,
            "mAcc": scores.mean_accuracy,
            "acc": int(self.confusion.diagonal().sum()) / count,
        }
        named = {"iou": scores.iou, "accuracy": scores.accuracy}
        shown = {
            name: {
                one: value
                for one, value, seen in zip(self._classes, column, scores.seen, strict=True)
                if seen
            }
            for name, column in named.items()
        }
        return Measured(values, shown)

    def scores(self) -> ClassScores:
        """The scores of each class."""
        return ClassScores.of(self.confusion)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
