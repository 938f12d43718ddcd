"""An evaluation as files: metrics, confusion matrix, bars for each class, pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tunesmith.data.draw import Tile
from tunesmith.data.images import open_rgb
from tunesmith.networks.layers.masker import Entry, MaskPredictions
from tunesmith.training.tasks.bars import draw_bars
from tunesmith.training.tasks.confusion import write_confusion
from tunesmith.training.tasks.panoptic.batches import MaskBatch
from tunesmith.training.tasks.panoptic.drawing import Overview, tinted
from tunesmith.training.tasks.panoptic.merging import NOTHING, enlarged, queries, segments_of
from tunesmith.training.tasks.panoptic.metrics import Classes, MaskMeter, labels_map, pairs_of
from tunesmith.training.tasks.panoptic.samples import MaskSample


class EvaluationReport:
    """Collects what an evaluation finds.

    Args:
        samples: what is evaluated on.
        entries: the classes.
        classes: what is told apart, and how.
        meter: of the metrics, fed beside this report.
    """

    def __init__(
        self, samples: Sequence[MaskSample], entries: Sequence[Entry], classes: Classes, meter: MaskMeter
    ) -> None:
        self._samples, self._entries, self._classes, self._meter = samples, entries, classes, meter
        self._overview = Overview(2 * len(samples))
        self._images = 0

    def update(self, outputs: MaskPredictions, batch: MaskBatch) -> None:
        """Take in the predictions for a batch with segments."""
        self._images += len(batch.indices)
        size = (batch.images.shape[-2], batch.images.shape[-1])
        shown = [row for row, index in enumerate(batch.indices.tolist()) if self._overview.wants(index)]
        for row in shown:
            index = int(batch.indices[row])
            image = open_rgb(self._samples[index].path)
            shape = torch.tensor([[image.height, image.width]])
            alone = MaskPredictions(outputs.logits[row : row + 1], outputs.masks[row : row + 1])
            (query,) = queries(alone, size, batch.sizes[row : row + 1].cpu(), shape)
            found = segments_of(query, self._classes.merging, self._classes.things)
            whole = (image.height, image.width)
            places = enlarged(found.places, whole)
            labels = torch.tensor([NOTHING, *found.labels])[places]
            truth = self._samples[index].segments()
            assert truth is not None  # noqa: S101 - answers are known
            true = labels_map(truth, NOTHING)
            ids = pairs_of(truth, covers=False, nothing=NOTHING)[..., 1]
            self._overview.add(
                Tile(tinted(image, true, self._entries, ids), f"true: {self._samples[index].name}"),
                Tile(tinted(image, labels, self._entries, places), f"predicted: {len(found.labels)}"),
            )

    def write(self, folder: Path) -> dict[str, Any]:
        """Write metrics.json, confusion_matrix.csv and .png, bars and pictures. Returns the metrics."""
        measured, names = self._meter.compute(), self._classes.names
        by_class = {
            name: {metric: values[name] for metric, values in measured.per_category.items() if name in values}
            for name in names
        }
        figures = {"images": self._images, **measured.values, **measured.bare, "classes": by_class}
        (folder / "metrics.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
        write_confusion(self._meter.confusion, (*names, "(nothing)"), folder)
        iou = measured.per_category["iou"]
        draw_bars(
            [iou.get(name, 0.0) for name in names], names, "intersection over union", folder / "iou.png"
        )
        for metric, what in (("PQ", "panoptic quality"), ("AP", "average precision of masks")):
            if values := measured.per_category.get(metric):
                draw_bars(list(values.values()), list(values), what, folder / f"{metric.lower()}.png")
        self._overview.write(folder / "evaluation.png")
        return figures
