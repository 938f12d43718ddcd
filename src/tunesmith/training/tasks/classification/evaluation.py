"""An evaluation as files: metrics, confusion matrix, annotated images."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from tunesmith.data.classification import Sample
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.classification.metrics import ClassificationMeter
from tunesmith.training.tasks.classification.predictions import Sheets, predictions_of
from tunesmith.training.tasks.confusion import write_confusion


class EvaluationReport:
    """Collects what an evaluation finds.

    Args:
        samples: what is evaluated on.
        classes: their names.
        meter: of the metrics, fed beside this report.
        sheets: the pictures.
    """

    def __init__(
        self, samples: Sequence[Sample], classes: Sequence[str], meter: ClassificationMeter, sheets: Sheets
    ) -> None:
        self._samples, self._classes, self._meter, self._sheets = samples, classes, meter, sheets

    def update(self, outputs: Tensor, batch: ImageBatch) -> None:
        """Take in the logits of a batch with labels."""
        self._sheets.add(batch, predictions_of(outputs, batch, self._samples, self._classes))

    def write(self, folder: Path) -> dict[str, Any]:
        """Write metrics.json, confusion_matrix.csv and .png, and pictures. Returns what metrics.json says."""
        figures = self._figures()
        (folder / "metrics.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
        write_confusion(self._meter.confusion, self._classes, folder)
        self._sheets.write_overview("evaluation.png")
        return figures

    def _figures(self) -> dict[str, Any]:
        scores = self._meter.scores()
        columns = zip(
            scores.accuracy, scores.precision, scores.recall, scores.f1, scores.support, strict=True
        )
        names = ("accuracy", "precision", "recall", "f1", "images")
        by_class = [dict(zip(names, row, strict=True)) for row in columns]
        seen = [row for row in by_class if row["images"]]
        means = {f"mean_{name}": sum(row[name] for row in seen) / len(seen) for name in names[1:4]}
        return {
            "images": sum(scores.support),
            **self._meter.compute().values,
            **means,
            "classes": dict(zip(self._classes, by_class, strict=True)),
            "worst_pair": self._worst_pair(),
        }

    def _worst_pair(self) -> dict[str, Any] | None:
        """The two classes that are confused most often, in either direction."""
        off = self._meter.confusion.clone()
        off.fill_diagonal_(0)
        both = (off + off.T).triu()
        count = int(both.max())
        if not count:
            return None
        first, second = divmod(int(both.argmax()), len(self._classes))
        return {"classes": [self._classes[first], self._classes[second]], "images": count}
