"""An evaluation as files: metrics, confusion matrix, a bar for each class, pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from tunesmith.training.tasks.bars import draw_bars
from tunesmith.training.tasks.confusion import write_confusion
from tunesmith.training.tasks.segmentation.data import Sample
from tunesmith.training.tasks.segmentation.drawing import Sheets
from tunesmith.training.tasks.segmentation.images import SegmentBatch
from tunesmith.training.tasks.segmentation.labels import Labels
from tunesmith.training.tasks.segmentation.metrics import (
    ClassScores,
    SegmentationMeter,
    at_size,
    confusion_of,
)


class EvaluationReport:
    """Collects what an evaluation finds.

    Args:
        samples: what is evaluated on.
        labels: the classes.
        meter: of the metrics, fed beside this report.
        sheets: the pictures.
    """

    def __init__(
        self, samples: Sequence[Sample], labels: Labels, meter: SegmentationMeter, sheets: Sheets
    ) -> None:
        self._samples, self._labels, self._meter, self._sheets = samples, labels, meter, sheets
        self._images = 0

    def update(self, outputs: Tensor, batch: SegmentBatch) -> None:
        """Take in the logits of a batch with masks."""
        predicted = at_size(outputs.float(), batch.masks.shape[-2:]).argmax(dim=1).cpu()
        masks, indices = batch.masks.cpu(), batch.indices.tolist()
        drawn = []
        for index, mask, found in zip(indices, masks, predicted, strict=True):
            score = ClassScores.of(confusion_of(found, mask, len(self._labels.classes))).miou
            drawn.append(
                [(mask, f"true: {self._samples[index].name}"), (found, f"predicted: IoU {score:.2f}")]
            )
        self._sheets.add(indices, batch.images, drawn)
        self._images += len(indices)

    def write(self, folder: Path) -> dict[str, Any]:
        """Write metrics.json, confusion_matrix.csv and .png, iou.png, and pictures. Returns the metrics."""
        scores, classes = self._meter.scores(), self._labels.classes
        columns = zip(scores.iou, scores.accuracy, scores.precision, scores.pixels, strict=True)
        names = ("iou", "accuracy", "precision", "pixels")
        by_class = [dict(zip(names, row, strict=True)) for row in columns]
        figures = {
            "images": self._images,
            **self._meter.compute().values,
            "classes": dict(zip(classes, by_class, strict=True)),
        }
        (folder / "metrics.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
        write_confusion(self._meter.confusion, classes, folder)
        draw_bars(scores.iou, classes, "intersection over union", folder / "iou.png")
        self._sheets.write_overview("evaluation.png")
        return figures
