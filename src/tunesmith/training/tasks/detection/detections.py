"""What a detector found, in pixels of the images as they are."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tunesmith.networks.layers.detector import Predictions
from tunesmith.training.tasks.detection.batches import DetectionBatch


@dataclass(frozen=True)
class Found:
    """The detections of one image, the surest first.

    Attributes:
        boxes: (n, 4) left, top, right, bottom in pixels of the image, cut at its edges.
        scores: (n,) confidences, 0 to 1.
        labels: (n,) indices of classes.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def surest(self, most: int) -> "Found":
        """So many of them at most."""
        return Found(self.boxes[:most], self.scores[:most], self.labels[:most])


def found_in(
    outputs: Predictions, batch: DetectionBatch, sizes: Tensor, most: int, threshold: float = 0.0
) -> list[Found]:
    """The detections of each image of a batch.

    Args:
        outputs: of the model.
        batch: what it was shown.
        sizes: (batch, 2) width and height of the images in pixels.
        most: detections kept of an image; a candidate may count for several classes.
        threshold: the least confidence.
    """
    logits, boxes = outputs.logits.float().cpu(), outputs.boxes.float().cpu()
    scores, places = logits.sigmoid().flatten(1).topk(min(most, logits[0].numel()), dim=1)
    candidates, labels = places // logits.shape[-1], places % logits.shape[-1]
    centre, side = boxes[..., :2], boxes[..., 2:]
    corners = torch.cat([centre - side / 2, centre + side / 2], dim=-1)
    corners = corners.gather(1, candidates[..., None].expand(-1, -1, 4))
    corners = corners * batch.frames.cpu().repeat(1, 2)[:, None]
    corners = corners.clamp_min(0).minimum(sizes.repeat(1, 2)[:, None])
    found = []
    for box, score, label in zip(corners, scores, labels, strict=True):
        kept = score >= threshold
        found.append(Found(box[kept], score[kept], label[kept]))
    return found
