"""What a detector found, in pixels of the images as they are."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.ops import box_iou, nms

from tunesmith.networks.detection import Kept, Suppression
from tunesmith.networks.layers.detector import Predictions
from tunesmith.training.tasks.detection.batches import DetectionBatch

_HALF = 0.5
_LEAST = 1e-3  # of what soft suppression has made less sure


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

    def take(self, places: Tensor) -> "Found":
        """Those at these places."""
        masks = None if self.masks is None else self.masks[places]
        return Found(self.boxes[places], self.scores[places], self.labels[places], masks)


def found_in(outputs: Predictions, batch: DetectionBatch, sizes: Tensor, kept: Kept) -> list[Found]:
    """The detections of each image of a batch.

    Args:
        outputs: of the model.
        batch: what it was shown.
        sizes: (batch, 2) width and height of the images in pixels.
        kept: which of them; a candidate may count for several classes.
    """
    logits, boxes = outputs.logits.float().cpu(), outputs.boxes.float().cpu()
    looked_at = kept.suppression.candidates if kept.suppression else kept.most
    scores, places = logits.sigmoid().flatten(1).topk(min(looked_at, logits[0].numel()), dim=1)
    candidates, labels = places // logits.shape[-1], places % logits.shape[-1]
    centre, side = boxes[..., :2], boxes[..., 2:]
    corners = torch.cat([centre - side / 2, centre + side / 2], dim=-1)
    corners = corners.gather(1, candidates[..., None].expand(-1, -1, 4))
    corners = corners * batch.frames.cpu().repeat(1, 2)[:, None]
    corners = corners.clamp_min(0).minimum(sizes.repeat(1, 2)[:, None])
    found = []
    for row, (box, score, label) in enumerate(zip(corners, scores, labels, strict=True)):
        sure = score >= kept.threshold
        masks = None
        if outputs.masks is not None:
            chosen = outputs.masks[row, candidates[row, sure].to(outputs.masks.device)]
            masks = _in_image(chosen.float().cpu(), box[sure], batch.frames[row].cpu(), sizes[row])
        one = Found(box[sure], score[sure], label[sure], masks)
        found.append(_once(one, kept.suppression, kept) if kept.suppression else one)
    return found


def _once(found: Found, rule: Suppression, kept: Kept) -> Found:
    """Each object once: what overlaps a surer box of its class loses confidence, or is dropped."""
    # What lies outside the image has been cut to nothing, and overlaps nothing.
    found = found.take((found.boxes[:, 2:] > found.boxes[:, :2]).all(dim=1).nonzero()[:, 0])
    if not len(found):
        return found
    # Boxes of different classes lie apart from one another.
    apart = found.boxes + (found.labels * (found.boxes.max() + 1)).unsqueeze(1)
    if not rule.sigma:
        return found.take(nms(apart, found.scores, _HALF)[: kept.most])
    scores, chosen, certain = found.scores.clone(), [], []
    for _ in range(min(kept.most, len(found))):
        place = int(scores.argmax())
        score = float(scores[place])
        if score < max(kept.threshold, _LEAST):
            break
        chosen.append(place)
        certain.append(score)
        overlap = box_iou(apart[place : place + 1], apart)[0]
        scores *= torch.exp(-overlap.square() / rule.sigma)
        scores[place] = 0.0
    once = found.take(torch.tensor(chosen, dtype=torch.int64))
    return Found(once.boxes, torch.tensor(certain), once.labels, once.masks)


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
