"""An evaluation as files: metrics, precision and recall, annotated images."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tunesmith.data.draw import Tile, grid
from tunesmith.data.images import open_rgb
from tunesmith.networks.detection import Kept
from tunesmith.networks.layers.detector import Predictions
from tunesmith.training.tasks.detection.annotations import DetectionSample
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.detection.detections import found_in
from tunesmith.training.tasks.detection.drawing import TRUTH, Colour, draw, outline
from tunesmith.training.tasks.detection.metrics import DetectionMeter, Scores, sizes_of

_COLUMNS, _TILE, _SHOWN = 4, 240, 24
_SURE = 0.3  # what is drawn must be half way believable, or the picture is full of boxes
_MOST_CURVES = 20


class EvaluationReport:
    """Collects what an evaluation finds.

    Args:
        samples: what is evaluated on.
        classes: their names.
        meter: of the metrics, fed beside this report.
        colours: of the classes.
        kept: which detections are drawn.
    """

    def __init__(
        self,
        samples: Sequence[DetectionSample],
        classes: Sequence[str],
        meter: DetectionMeter,
        colours: Mapping[str, Colour],
        kept: Kept,
    ) -> None:
        self._samples, self._classes, self._meter = samples, classes, meter
        self._colours, self._kept = colours, replace(kept, threshold=max(kept.threshold, _SURE))
        self._stride = -(-len(samples) // _SHOWN)
        self._tiles: list[Tile] = []

    def update(self, outputs: Predictions, batch: DetectionBatch) -> None:
        """Draw some of the images of a batch, with what is there in white."""
        indices = batch.indices.tolist()
        shown = [place for place, index in enumerate(indices) if index % self._stride == 0]
        if not shown:
            return
        all_found = found_in(outputs, batch, sizes_of(batch, self._samples), self._kept)
        for place in shown:
            sample, found = self._samples[indices[place]], all_found[place]
            image, objects = open_rgb(sample.path), sample.objects()
            outline(image, objects.boxes.tolist(), TRUTH, 1)
            picture = draw(image, found, self._classes, self._colours, 2)
            caption = f"{Path(sample.name).name}: {len(found)} of {len(objects.labels)}"
            self._tiles.append(Tile(picture, caption))

    def write(self, folder: Path) -> dict[str, Any]:
        """Write metrics.json, precision_recall.csv and .png, per_class.csv and evaluation.png."""
        scores, measured = self._meter.scores(), self._meter.compute()
        figures = {
            "images": scores.images,
            "objects": sum(scores.objects.values()),
            **measured.values,
            **measured.bare,
            "classes": {
                name: {"AP": scores.ap.get(name), "AP50": scores.ap50.get(name), "objects": count}
                for name, count in scores.objects.items()
            },
        }
        (folder / "metrics.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
        write_curves(scores, folder)
        with (folder / "per_class.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["class", "AP", "AP50", "objects"])
            rows.writerows(
                [name, scores.ap.get(name, ""), scores.ap50.get(name, ""), count]
                for name, count in scores.objects.items()
            )
        if self._tiles:
            grid(self._tiles, _COLUMNS, _TILE).save(folder / "evaluation.png")
        return figures


def write_curves(scores: Scores, folder: Path) -> None:
    """Write the precision at each recall, at IoU 0.50, as precision_recall.csv and precision_recall.png."""
    recalls = np.linspace(0, 1, len(scores.precision))
    names = [name for name in scores.objects if name in scores.ap50]
    places = [place for place, name in enumerate(scores.objects) if name in scores.ap50]
    curves = scores.precision[:, places]
    with (folder / "precision_recall.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["recall", *names])
        rows.writerows([f"{recall:.2f}", *row] for recall, row in zip(recalls, curves.tolist(), strict=True))
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for name, curve in list(zip(names, curves.T, strict=True))[:_MOST_CURVES]:
        axes.plot(recalls, curve, linewidth=0.8, label=name)
    if names:
        axes.plot(recalls, curves.mean(axis=1), color="black", linewidth=2, label="mean")
        axes.legend(fontsize=7)
    axes.set(xlabel="recall", ylabel="precision at IoU 0.50", xlim=(0, 1), ylim=(0, 1.02))
    with mpl.rc_context({"text.parse_math": False}):  # a class may be called "$"
        figure.savefig(folder / "precision_recall.png", dpi=110)
