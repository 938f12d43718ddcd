"""Metrics of segmentation by masks: IoU of classes, panoptic quality, COCO's precision of masks."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.detection import PanopticQuality

from tunesmith.data.masks import Mask, box_of, compress, encode
from tunesmith.networks.layers.masker import MaskPredictions, MaskTarget
from tunesmith.networks.panoptic import Merging, Mode
from tunesmith.training.engine.training import Measured
from tunesmith.training.tasks.panoptic.batches import MaskBatch
from tunesmith.training.tasks.panoptic.datasets import Segments
from tunesmith.training.tasks.panoptic.merging import (
    NOTHING,
    Query,
    classes_of,
    enlarged,
    objects_of,
    queries,
    segments_of,
)
from tunesmith.training.tasks.panoptic.samples import MaskSample
from tunesmith.training.tasks.segmentation.metrics import ClassScores, confusion_of

_SEED = 0
_FIGURES = ("mAP", "mAP50", "mAP75")


class Criterion(Protocol):
    """The losses of predictions."""

    def __call__(self, found: MaskPredictions, targets: Sequence[MaskTarget]) -> dict[str, Tensor]:
        """By name, weighted."""
        ...


@dataclass(frozen=True)
class Classes:
    """What is told apart, and how.

    Attributes:
        names: of the classes.
        things: (classes,) whether single objects of the class are told apart.
        mode: what is predicted.
        merging: how masks become segments.
    """

    names: tuple[str, ...]
    things: Tensor
    mode: Mode
    merging: Merging


@dataclass(frozen=True)
class Quality:
    """Panoptic quality of each class that occurs: PQ = SQ x RQ (Kirillov et al. 2019)."""

    pq: dict[str, float]
    sq: dict[str, float]
    rq: dict[str, float]


class MaskMeter:
    """Collects predictions.

    Args:
        samples: what is measured on; they know their segments.
        classes: what is told apart.
        criterion: the losses of predictions.

    Attributes:
        confusion: counts of pixels; rows are true classes, columns predicted ones. The last of both stands
            for pixels of no segment.
    """

    def __init__(self, samples: Sequence[MaskSample], classes: Classes, criterion: Criterion) -> None:
        self._samples, self._classes, self._criterion = samples, classes, criterion
        count = len(classes.names)
        self.confusion = torch.zeros(count + 1, count + 1, dtype=torch.int64)
        self._quality = _quality(classes)
        self._truth: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []
        self._seen: list[int] = []
        self._loss = 0.0

    def update(self, outputs: MaskPredictions, batch: MaskBatch) -> None:
        """Take in the predictions for a batch with known answers."""
        whole = batch.cpu()
        found = MaskPredictions(*(one.detach().float().cpu() for one in outputs))
        with torch.random.fork_rng(devices=[]):  # the losses look at random points
            torch.manual_seed(_SEED)
            losses = self._criterion(found, whole.targets())
        self._loss += float(torch.stack(list(losses.values())).sum()) * len(whole.indices)
        truths = [self._truth_of(index) for index in whole.indices.tolist()]
        shapes = torch.tensor([truth.masks.shape[1:] for truth in truths]).reshape(-1, 2)
        size = (whole.images.shape[-2], whole.images.shape[-1])
        for index, truth, query in zip(
            whole.indices.tolist(), truths, queries(found, size, whole.sizes, shapes), strict=True
        ):
            self._add(index, truth, query)

    def compute(self) -> Measured:
        """loss, mIoU, mAcc and acc; by the mode PQ, SQ and RQ, and COCO's figures of masks."""
        scores, names, count = self.scores(), self._classes.names, max(1, int(self.confusion.sum()))
        values = {
            "loss": self._loss / max(1, len(self._seen)),
            "mAcc": scores.mean_accuracy,
            "acc": int(self.confusion.diagonal().sum()) / count,
        }
        shown = zip(names, scores.iou, scores.accuracy, scores.seen, strict=True)
        by_class: dict[str, dict[str, float]] = {"iou": {}, "accuracy": {}}
        for name, iou, accuracy, seen in shown:
            if seen:
                by_class["iou"][name], by_class["accuracy"][name] = iou, accuracy
        if self._classes.mode == "panoptic":
            quality = self.quality()
            for name, figures in (("PQ", quality.pq), ("SQ", quality.sq), ("RQ", quality.rq)):
                values[name] = _mean(list(figures.values()))
                by_class[name] = figures
        if self._classes.mode != "semantic" and bool(self._classes.things.any()):
            figures, by_class["AP"] = self.precision()
            values |= figures
        return Measured(values, by_class, {"mIoU": scores.miou})

    def scores(self) -> ClassScores:
        """The scores of each class, with pixels of no segment as the errors they are."""
        whole = ClassScores.of(self.confusion)
        return ClassScores(
            whole.iou[:-1], whole.accuracy[:-1], whole.precision[:-1], whole.pixels[:-1], whole.seen[:-1]
        )

    def quality(self) -> Quality:
        """The panoptic quality of each class that occurs."""
        metric: Any = self._quality
        columns, places = metric.compute().reshape(-1, 3), metric.cat_id_to_continuous_id
        cases = metric.true_positives + metric.false_positives + metric.false_negatives
        rows = {
            name: columns[places[label]].tolist()
            for label, name in enumerate(self._classes.names)
            if cases[places[label]]
        }
        pq, sq, rq = ({name: row[column] for name, row in rows.items()} for column in range(3))
        return Quality(pq, sq, rq)

    def precision(self) -> tuple[dict[str, float], dict[str, float]]:
        """COCO's mean precision of masks: mAP, mAP50 and mAP75; and the mean over IoUs of each class."""
        things = [label for label, is_thing in enumerate(self._classes.things.tolist()) if is_thing]
        present = {one["category_id"] for one in self._truth if not one["iscrowd"]}
        if not self._found or not present:
            return dict.fromkeys(_FIGURES, 0.0), {self._classes.names[one]: 0.0 for one in sorted(present)}
        truth = COCO(self._dataset(things))
        with redirect_stdout(io.StringIO()):
            evaluation: Any = COCOeval_faster(truth, truth.loadRes(self._found), "segm", extra_calc=False)
            evaluation.params.catIds = things
            evaluation.params.imgIds = [index + 1 for index in self._seen]
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
        by_class = {
            self._classes.names[label]: float(precision[:, :, place].mean())
            for place, label in enumerate(things)
            if label in present
        }
        figures = zip(_FIGURES, evaluation.stats, strict=False)
        return {name: float(value) for name, value in figures if value > -1}, by_class

    def _truth_of(self, index: int) -> Segments:
        truth = self._samples[index].segments()
        assert truth is not None  # noqa: S101 - answers are known
        return truth

    def _add(self, index: int, truth: Segments, query: Query) -> None:
        shape = (truth.masks.shape[1], truth.masks.shape[2])
        source = self._samples[index].source
        covers = bool(source and source.covers)
        merged = segments_of(query, self._classes.merging, self._classes.things)
        places = enlarged(merged.places, shape)
        labels = torch.tensor([NOTHING, *merged.labels])[places]
        predicted = labels if covers else enlarged(classes_of(query), shape)
        self._seen.append(index)
        self._count(truth, predicted, covers=covers)
        if self._classes.mode == "panoptic":
            known = pairs_of(truth, covers=covers, nothing=len(self._classes.names))
            nothing = torch.where(labels == NOTHING, len(self._classes.names), labels) if covers else labels
            self._quality.update(torch.stack([nothing, places], dim=-1)[None], known[None])
        if self._classes.mode != "semantic":
            self._keep(index, truth, query, shape)

    def _count(self, truth: Segments, predicted: Tensor, *, covers: bool) -> None:
        """Pixels of which nothing is known do not count; crowds are of their class."""
        count = len(self._classes.names)
        true = labels_map(truth, count)
        known = torch.ones_like(true, dtype=torch.bool) if covers else true != count
        predicted = torch.where(predicted == NOTHING, count, predicted)
        self.confusion += confusion_of(predicted[known], true[known], count + 1)

    def _keep(self, index: int, truth: Segments, query: Query, shape: tuple[int, int]) -> None:
        things = self._classes.things
        for mask, label, crowd in zip(truth.masks, truth.labels.tolist(), truth.crowd.tolist(), strict=True):
            if things[label]:
                one = described(mask) | {"iscrowd": int(crowd), "id": len(self._truth) + 1}
                self._truth.append(one | {"image_id": index + 1, "category_id": label})
        found = objects_of(query, self._classes.merging.most, things)
        masks = enlarged(found.masks, shape).numpy()
        for mask, label, score in zip(masks, found.labels.tolist(), found.scores.tolist(), strict=True):
            one = described(mask)
            self._found.append(one | {"image_id": index + 1, "category_id": label, "score": score})

    def _dataset(self, things: Sequence[int]) -> dict[str, Any]:
        sizes = {one["image_id"]: one["segmentation"]["size"] for one in self._truth}
        blank = [1, 1]
        return {
            "images": [
                {
                    "id": index + 1,
                    "height": sizes.get(index + 1, blank)[0],
                    "width": sizes.get(index + 1, blank)[1],
                }
                for index in self._seen
            ],
            "categories": [{"id": label, "name": self._classes.names[label]} for label in things],
            "annotations": self._truth,
        }


def described(mask: Mask) -> dict[str, Any]:
    """A mask as COCO has it: segmentation, bbox, area."""
    rle, (left, top, right, bottom) = encode(mask), box_of(mask)
    return {
        "segmentation": {"size": [rle.height, rle.width], "counts": compress(rle.runs)},
        "bbox": [left, top, right - left, bottom - top],
        "area": rle.area,
    }


def labels_map(truth: Segments, nothing: int) -> Tensor:
    """The class of each pixel (height, width), `nothing` in no segment; later segments lie above."""
    labels: NDArray[np.int64] = np.full(truth.masks.shape[1:], nothing, np.int64)
    for mask, label in zip(truth.masks, truth.labels.tolist(), strict=True):
        labels[mask] = label
    return torch.from_numpy(labels)


def pairs_of(truth: Segments, *, covers: bool, nothing: int) -> Tensor:
    """Class and segment of each pixel (height, width, 2). Crowds, and what nobody knows, are of no class.

    Args:
        truth: the segments.
        covers: pixels of no segment are of the class `nothing`.
        nothing: that class.
    """
    pairs = np.zeros((*truth.masks.shape[1:], 2), np.int64)
    pairs[..., 0] = nothing if covers else NOTHING
    listed = zip(truth.masks, truth.labels.tolist(), truth.crowd.tolist(), strict=True)
    for place, (mask, label, crowd) in enumerate(listed, start=1):
        pairs[mask] = (NOTHING, 0) if crowd else (label, place)
    return torch.from_numpy(pairs)


def _quality(classes: Classes) -> PanopticQuality:
    things = {label for label, is_thing in enumerate(classes.things.tolist()) if is_thing}
    count = len(classes.names)
    grounds = set(range(count + 1)) - things  # one more: pixels that are known to show nothing
    return PanopticQuality(
        things, grounds, allow_unknown_preds_category=True, return_sq_and_rq=True, return_per_class=True
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
