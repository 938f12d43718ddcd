"""What trains a detector."""

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor
from torchvision.utils import draw_bounding_boxes, make_grid

from tunesmith.networks.layers.detector import Detector, Seen, Teachable
from tunesmith.training.engine.training import Training, l1_penalty
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.image_format import ImageFormat

_SHOWN = 9
_ALWAYS = ("loss_bbox", "loss_giou")
_PARTS = (*_ALWAYS, "loss_mask", "loss_dice")


class DetectionTraining(Training[DetectionBatch]):
    """A detector and its losses.

    Args:
        model: the detector.
        form: what its images look like.
        l1: what the sum of all weights' sizes counts in the loss; biases and normalisation are left out.
    """

    def __init__(self, model: Detector, form: ImageFormat, l1: float = 0.0) -> None:
        super().__init__(model)
        self._form, self._l1 = form, l1

    def forward(self, batch: DetectionBatch) -> dict[str, Tensor]:
        """The loss; of it the parts of the classes, of the boxes and of masks, over all layers."""
        parts = _parts(self.own(batch))
        return parts | {"loss": parts["loss"] + l1_penalty(self.model, self._l1)} if self._l1 else parts

    def own(self, batch: DetectionBatch) -> dict[str, Tensor]:
        """The weighted losses of the model, by name."""
        return cast("Detector", self.model).losses(batch.images, batch.targets())

    def losses(self, batch: DetectionBatch, watch: Callable[[Seen], None]) -> dict[str, Tensor]:
        """The same; `watch` is shown what the model made of the batch."""
        return _parts(cast("Teachable", self.model).losses(batch.images, batch.targets(), watch))

    def preview(self, batch: DetectionBatch) -> Tensor | None:
        """The first images of a batch with their boxes."""
        pictures = []
        for image, target in zip(batch.images[:_SHOWN], batch.targets(), strict=False):
            picture = self._form.restore(image[: self._form.channels].cpu())
            height, width = picture.shape[-2:]
            boxes = target["boxes"].cpu() * torch.tensor([width, height, width, height])
            corners = torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], dim=1)
            shown = picture.expand(3, -1, -1)
            pictures.append(draw_bounding_boxes(shown, corners, colors="lime") if len(corners) else shown)
        return cast("Tensor", make_grid(pictures, nrow=3)) if pictures else None


def _parts(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    loss = _sum(list(found.values()))
    parts = {
        name: _sum([value for key, value in found.items() if key.startswith(name)]).to(loss.device)
        for name in _PARTS
        if name in _ALWAYS or any(key.startswith(name) for key in found)
    }
    return {"loss": loss, "loss_class": loss - _sum(list(parts.values())), **parts}


def _sum(losses: list[Tensor]) -> Tensor:
    return torch.stack(losses).sum() if losses else torch.zeros(())
