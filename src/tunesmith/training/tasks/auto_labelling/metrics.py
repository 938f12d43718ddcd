"""How well masks that were found from boxes cover the true ones."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tunesmith.training.engine.training import Measured
from tunesmith.training.tasks.auto_labelling.crops import CropBatch, rasterise
from tunesmith.training.tasks.auto_labelling.masks import enlarged, largest_part, threshold_of
from tunesmith.training.tasks.auto_labelling.samples import Instance


class MaskMeter:
    """The mean intersection over union of all objects, and that of their filled boxes for comparison.

    Attributes:
        masks: of the objects of the last batch, bool (batch, side, side).
        scores: their intersections over union.

    Args:
        samples: what is measured on.
        thresholds: one probability from which a pixel is inside, or three by size.
        clusters: whether the largest connected part of each mask is kept alone.
    """

    masks: Tensor
    scores: list[float]

    def __init__(self, samples: Sequence[Instance], thresholds: Sequence[float], *, clusters: bool) -> None:
        self._samples, self._thresholds, self._clusters = samples, thresholds, clusters
        self._found: dict[str, list[float]] = defaultdict(list)
        self._filled: list[float] = []

    def update(self, outputs: Tensor, batch: CropBatch) -> None:
        """Take in the probabilities of a batch with masks."""
        side = batch.crops.shape[-1]
        probabilities, true = enlarged(outputs.cpu(), side, side), batch.masks.cpu()
        boxes = rasterise(batch.boxes.cpu(), side, side, side) > 0
        rows = [self._samples[index] for index in batch.indices.tolist()]
        cuts = torch.tensor([threshold_of(one.box, self._thresholds) for one in rows])
        self.masks = (probabilities >= cuts[:, None, None]) & boxes
        if self._clusters:
            parts = [largest_part(one) for one in self.masks.numpy()]
            self.masks = torch.from_numpy(np.stack(parts))
        self.scores = _ious(self.masks, true)
        for sample, score in zip(rows, self.scores, strict=True):
            self._found[sample.label].append(score)
        self._filled += _ious(boxes, true)

    def compute(self) -> Measured:
        """mIoU, that of the filled boxes, what was gained over them; IoU by category."""
        every = [score for scores in self._found.values() for score in scores]
        mean, filled = sum(every) / len(every), sum(self._filled) / len(self._filled)
        return Measured(
            {"box_mIoU": filled, "gain_over_boxes": mean - filled},
            {"IoU": {name: sum(some) / len(some) for name, some in sorted(self._found.items())}},
            {"mIoU": mean},
        )


def _ious(found: Tensor, true: Tensor) -> list[float]:
    both = (found & true).flatten(1).sum(dim=1)
    either = (found | true).flatten(1).sum(dim=1).clamp_min(1)
    scores: list[float] = (both / either).tolist()
    return scores
