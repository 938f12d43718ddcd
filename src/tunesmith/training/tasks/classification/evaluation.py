"""An evaluation as files: metrics, confusion matrix, annotated images."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from torch import Tensor

from tunesmith.data.classification import Sample
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.classification.metrics import ClassificationMeter
from tunesmith.training.tasks.classification.predictions import Sheets, predictions_of

_MOST_LABELS = 40


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
        counts = self._meter.confusion.tolist()
        with (folder / "confusion_matrix.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["true \\ predicted", *self._classes])
            rows.writerows([name, *row] for name, row in zip(self._classes, counts, strict=True))
        draw_confusion(self._meter.confusion, self._classes, folder / "confusion_matrix.png")
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


def draw_confusion(confusion: Tensor, classes: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix: rows are true classes, columns predicted ones."""
    count = len(classes)
    side = min(4 + 0.3 * count, 20)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = confusion / confusion.sum(dim=1, keepdim=True).clamp_min(1)
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if count <= _MOST_LABELS:
        axes.set_xticks(range(count), classes, rotation=90)
        axes.set_yticks(range(count), classes)
        for row in range(count):
            for column in range(count):
                if number := int(confusion[row, column]):
                    colour = "white" if shares[row, column] > 0.5 else "black"
                    axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=7)
    with mpl.rc_context({"text.parse_math": False}):  # a class may be called "$"
        figure.savefig(path, dpi=110)
