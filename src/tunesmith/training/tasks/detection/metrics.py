"""COCO's metrics of a detector, computed by faster-coco-eval."""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray
from torch import Tensor

from tunesmith.networks.detection import Kept
from tunesmith.networks.layers.detector import Criterion, Predictions
from tunesmith.training.engine.training import Measured
from tunesmith.training.tasks.detection.annotations import DetectionSample
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.detection.detections import Found, found_in

MOST = 100
"""Detections of an image that COCO's metrics look at."""

ALL = Kept(MOST)
"""Whatever the confidence."""

_NAMES = (
    "mAP",
    "mAP50",
    "mAP75",
    "mAP_small",
    "mAP_medium",
    "mAP_large",
    "mAR_1",
    "mAR_10",
    "mAR_100",
    "mAR_small",
    "mAR_medium",
    "mAR_large",
)


@dataclass(frozen=True)
class Scores:
    """What COCO's evaluation found.

    Attributes:
        values: its twelve figures by name; those of which the data has no case are left out.
        ap: the mean over IoU 0.50 to 0.95 of each class that occurs.
        ap50: at IoU 0.50.
        precision: (101, classes) at IoU 0.50, at recalls from 0 to 1; -1 for classes that do not occur.
        images: how many were looked at.
        objects: how many there are of each class, without crowds.
    """

    values: dict[str, float]
    ap: dict[str, float]
    ap50: dict[str, float]
    precision: NDArray[np.float64]
    images: int
    objects: dict[str, int]


class DetectionMeter:
    """Collects detections.

    Args:
        samples: what is measured on; they know their objects.
        classes: their names.
        criterion: the losses of predictions.
        kept: which detections count.
        evaluated: the indices of the classes to look at; all by default.
        names: the published names of COCO's figures, for networks whose metrics have names of their own.
    """

    def __init__(
        self,
        samples: Sequence[DetectionSample],
        classes: Sequence[str],
        criterion: Criterion,
        kept: Kept = ALL,
        evaluated: Sequence[int] = (),
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._samples, self._classes, self._criterion = samples, classes, criterion
        self._kept, self._names = kept, names or {}
        self._evaluated = list(evaluated) or list(range(len(classes)))
        self._seen: list[int] = []
        self._rows: list[NDArray[np.float64]] = []
        self._loss, self._count = 0.0, 0

    def update(self, outputs: Predictions, batch: DetectionBatch) -> None:
        """Take in the predictions for a batch with known answers."""
        logits, boxes, masks = (None if one is None else one.detach().float().cpu() for one in outputs)
        assert logits is not None and boxes is not None  # noqa: S101, PT018 - masks alone may be missing
        cpu = Predictions(logits, boxes, masks)
        losses = self._criterion(cpu, DetectionBatch(*(_cpu(part) for part in batch)).targets())
        self._loss += float(sum(losses.values(), torch.zeros(()))) * len(batch.indices)
        self._count += len(batch.indices)
        sizes = sizes_of(batch, self._samples)
        for index, found in zip(batch.indices.tolist(), found_in(cpu, batch, sizes, self._kept), strict=True):
            # image, left, top, width, height, score, class
            corners = found.boxes.double().numpy()
            columns = [
                np.full(len(found), index + 1.0),
                *corners[:, :2].T,
                *(corners[:, 2:] - corners[:, :2]).T,
            ]
            self._seen.append(index)
            self._note_masks(index, found)
            self._rows.append(
                np.stack([*columns, found.scores.double().numpy(), found.labels.double().numpy()], axis=1)
            )

    def _note_masks(self, index: int, found: Found) -> None:
        """Take in the masks of an image, where they are measured."""

    def compute(self) -> Measured:
        """loss and COCO's figures; AP and AP50 of each class that occurs."""
        scores = self.scores()
        values = {"loss": self._loss / max(1, self._count), **scores.values}
        bare = {self._names[name]: values.pop(name) for name in [*values] if name in self._names}
        return Measured(values, {"AP": scores.ap, "AP50": scores.ap50}, bare)

    def scores(self) -> Scores:
        """What COCO's evaluation finds in all that was taken in."""
        truth = COCO(self._truth())
        rows = np.concatenate(self._rows) if self._rows else np.zeros((0, 7))
        objects = self._objects(truth)
        if not len(rows) or not sum(objects.values()):
            return self._nothing(objects)
        with redirect_stdout(io.StringIO()):
            evaluation: Any = COCOeval_faster(truth, truth.loadRes(rows), "bbox", extra_calc=False)
            evaluation.params.catIds = self._evaluated
            evaluation.params.imgIds = [index + 1 for index in self._seen]
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return self._read(evaluation, objects)

    def _read(self, evaluation: Any, objects: dict[str, int]) -> Scores:
        # thresholds of IoU x recalls x classes x areas x numbers of detections
        precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
        occurring = [
            (place, self._classes[label])
            for place, label in enumerate(self._evaluated)
            if objects[self._classes[label]]
        ]
        figures = zip(_NAMES, evaluation.stats, strict=False)
        return Scores(
            {name: float(value) for name, value in figures if value > -1},
            {name: float(precision[:, :, place].mean()) for place, name in occurring},
            {name: float(precision[0, :, place].mean()) for place, name in occurring},
            precision[0],
            len(self._seen),
            objects,
        )

    def _nothing(self, objects: dict[str, int]) -> Scores:
        """Where nothing is found, or nothing is there to be found."""
        occurring = {name: 0.0 for name, count in objects.items() if count}
        precision = np.zeros((101, len(self._evaluated)))
        return Scores(
            dict.fromkeys(("mAP", "mAP50"), 0.0),
            occurring,
            dict(occurring),
            precision,
            len(self._seen),
            objects,
        )

    def _objects(self, truth: COCO) -> dict[str, int]:
        labels = [one["category_id"] for one in truth.dataset["annotations"] if not one["iscrowd"]]
        counts = np.bincount(labels, minlength=len(self._classes))
        return {self._classes[label]: int(counts[label]) for label in self._evaluated}

    def _truth(self) -> dict[str, Any]:
        """The objects of the images seen, as COCO has them; crowds are neither to be found nor missed."""
        annotations: list[dict[str, Any]] = []
        for index in self._seen:
            objects = self._samples[index].objects()
            for box, label, crowd, area in zip(
                objects.boxes.tolist(), objects.labels.tolist(), objects.crowd, objects.areas, strict=True
            ):
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": index + 1,
                        "category_id": label,
                        "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                        "area": float(area),
                        "iscrowd": int(crowd),
                    }
                )
        return {
            "images": [{"id": index + 1} for index in self._seen],
            "categories": [{"id": label, "name": name} for label, name in enumerate(self._classes)],
            "annotations": annotations,
        }


def sizes_of(batch: DetectionBatch, samples: Sequence[DetectionSample]) -> Tensor:
    """Width and height of the images of a batch, (batch, 2); where nothing is annotated, of the frame."""
    rows = []
    for index, frame in zip(batch.indices.tolist(), batch.frames.tolist(), strict=True):
        rows.append(samples[index].size() or frame)
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 2)


def _cpu(part: Any) -> Any:
    return part.cpu() if isinstance(part, Tensor) else part
