"""COCO's metrics of masks beside those of boxes."""

import io
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

from faster_coco_eval import COCO, COCOeval_faster

from tunesmith.data.masks import as_coco
from tunesmith.training.engine.training import Measured
from tunesmith.training.tasks.detection.detections import Found
from tunesmith.training.tasks.detection.metrics import DetectionMeter

_MASKS = ("segm_val_mAP", "segm_val_mAP50", "segm_val_mAP75")
"""The first figures of COCO's evaluation, named as the API names those of boxes."""


class BoxMeter(DetectionMeter):
    """Metrics of boxes, the API's name for one of them too."""

    def compute(self) -> Measured:
        """As usual, and bbox_val_mAP50, as the API calls the network's own metric."""
        measured = super().compute()
        return replace(measured, bare={"bbox_val_mAP50": measured.values.get("mAP50", 0.0)})


class MaskMeter(BoxMeter):
    """Metrics of boxes and of masks."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._masks: list[dict[str, Any]] = []

    def _note_masks(self, index: int, found: Found) -> None:
        if found.masks is None:
            return
        for mask, score, label in zip(found.masks, found.scores.tolist(), found.labels.tolist(), strict=True):
            entry = {"image_id": index + 1, "category_id": label, "score": score}
            self._masks.append(entry | {"segmentation": as_coco(mask.numpy())})

    def compute(self) -> Measured:
        """The metrics of boxes, and segm_val_mAP, segm_val_mAP50 and segm_val_mAP75 of masks."""
        measured = super().compute()
        return replace(measured, bare=measured.bare | self._of_masks())

    def _of_masks(self) -> dict[str, float]:
        truth = self._truth()
        seen = {index + 1: self._samples[index] for index in self._seen}
        places = {number: (one.size(), one.masks()) for number, one in seen.items()}
        kept = []
        for number, image in enumerate(truth["images"]):
            size, _ = places[image["id"]]
            assert size is not None  # noqa: S101 - annotated images have one
            truth["images"][number] |= {"width": size[0], "height": size[1]}
        counts: dict[int, int] = {}
        for one in truth["annotations"]:
            place = counts[one["image_id"]] = counts.get(one["image_id"], -1) + 1
            mask = places[one["image_id"]][1][place]
            if mask is not None:
                kept.append(one | {"segmentation": as_coco(mask)})
        if not self._masks or not kept:
            return dict.fromkeys(_MASKS, 0.0)
        with redirect_stdout(io.StringIO()):
            known = COCO(truth | {"annotations": kept})
            evaluation: Any = COCOeval_faster(
                known, known.loadRes([dict(one) for one in self._masks]), "segm", extra_calc=False
            )
            evaluation.params.catIds = self._evaluated
            evaluation.params.imgIds = [index + 1 for index in self._seen]
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return {
            name: float(value) for name, value in zip(_MASKS, evaluation.stats, strict=False) if value > -1
        }
