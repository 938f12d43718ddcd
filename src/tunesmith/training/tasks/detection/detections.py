"""What a detector found, in pixels of the images as they are."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tunesmith.networks.layers.detector import Predictions
from tunesmith.training.tasks.detection.batches import DetectionBatch


@dataclass(frozen=True)
class Found:
    """The detections of one image, the surest first.

    Attributes:
        boxes: (n, 4) left, top, right, bottom in pixels of the image, cut at its edges.
        scores: (n,) confidences, 0 to 1.
        labels: (n,) indices of classes.
        masks: bool (n, height, width) of the image, true inside; None where there are none.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def surest(self, most: int) -> "Found":
        """So many of them at most."""
        masks = None if self.masks is None else self.masks[:most]
        return Found(self.boxes[:most], self.scores[:most], self.labels[:most], masks)


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
    for row, (box, score, label) in enumerate(zip(corners, scores, labels, strict=True)):
        kept = score >= threshold
        masks = None
        if outputs.masks is not None:
            chosen = outputs.masks[row, candidates[row, kept].to(outputs.masks.device)]
            masks = _in_image(chosen.float().cpu(), box[kept], batch.frames[row].cpu(), sizes[row])
        found.append(Found(box[kept], score[kept], label[kept], masks))
    return found


def _in_image(logits: Tensor, boxes: Tensor, frame: Tensor, size: Tensor) -> Tensor:
    """Masks of the whole input (n, height, width) as those of the image, which lies at its upper left.

    What is outside of the boxes is in no mask.
    """
    (width, height), (across, down) = (
        (max(1, round(float(one))) for one in sides) for sides in (size, frame)
    )
    whole = torch.zeros(len(logits), height, width, dtype=torch.bool)
    for place, one in enumerate(logits):  # one by one: in the size of the image they are large
        scaled = interpolate(one[None, None], (max(down, height), max(across, width)), mode="bilinear")
        left, top = (int(edge) for edge in boxes[place, :2].floor())
        right, bottom = (int(edge) for edge in boxes[place, 2:].ceil())
        whole[place, top:bottom, left:right] = scaled[0, 0, top:bottom, left:right] > 0
    return whole
