"""Metrics of a classifier, from its logits."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics.functional.classification import multiclass_confusion_matrix

from tunesmith.training.engine.training import Measured
from tunesmith.training.tasks.classification.images import ImageBatch


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class, in the order of the classes. A class that was never seen or predicted has 0."""

    accuracy: tuple[float, ...]
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    support: tuple[int, ...]

    @classmethod
    def of(cls, confusion: Tensor) -> "ClassScores":
        """The scores in a confusion matrix: rows are true classes, columns predicted ones."""
        hits = confusion.diagonal().double()
        true, predicted = confusion.sum(dim=1), confusion.sum(dim=0)
        recall = hits / true.clamp_min(1)
        precision = hits / predicted.clamp_min(1)
        f1 = 2 * hits / (true + predicted).clamp_min(1)
        return cls(
            accuracy=tuple(recall.tolist()),
            precision=tuple(precision.tolist()),
            recall=tuple(recall.tolist()),
            f1=tuple(f1.tolist()),
            support=tuple(true.tolist()),
        )


class ClassificationMeter:
    """Loss, top-k accuracies and the confusion matrix of what it is shown.

    Attributes:
        confusion: (classes, classes) counts; rows are true classes, columns predicted ones.
    """

    def __init__(
        self, classes: Sequence[str], topk: Sequence[int], smoothing: float, first: str = "acc_1"
    ) -> None:
        """Args:
        classes: their names.
        topk: each k is reported as acc_k.
        smoothing: of the labels, as in training.
        first: what the top-1 accuracy is called.
        """
        self._classes, self._smoothing, self._first = classes, smoothing, first
        self._topk = sorted(set(topk))
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)
        self._hits = dict.fromkeys(self._topk, 0)
        self._loss, self._count = 0.0, 0

    def update(self, outputs: Tensor, batch: ImageBatch) -> None:
        """Take in the logits of a batch with labels."""
        logits, labels = outputs.float().cpu(), batch.labels.cpu()
        loss = cross_entropy(logits, labels, label_smoothing=self._smoothing, reduction="sum")
        self._loss += float(loss)
        self._count += len(labels)
        ranked = logits.topk(min(max(self._topk), logits.shape[1]), dim=1).indices
        found = ranked == labels[:, None]
        for k in self._topk:
            self._hits[k] += int(found[:, :k].sum())
        self.confusion += multiclass_confusion_matrix(
            ranked[:, 0], labels, num_classes=len(self._classes), validate_args=False
        )

    def compute(self) -> Measured:
        """loss, acc_k for each k, and the accuracy of each class that was seen."""
        values = {"loss": self._loss / self._count}
        names = {1: self._first}
        values |= {names.get(k, f"acc_{k}"): hits / self._count for k, hits in self._hits.items()}
        scores = self.scores()
        seen = zip(self._classes, scores.accuracy, scores.support, strict=True)
        return Measured(values, {"accuracy": {name: value for name, value, count in seen if count}})

    def scores(self) -> ClassScores:
        """The scores of each class."""
        return ClassScores.of(self.confusion)
