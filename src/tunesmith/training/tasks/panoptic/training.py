"""What trains a model that predicts masks."""

from typing import cast

import torch
from torch import Tensor
from torchvision.utils import draw_segmentation_masks, make_grid

from tunesmith.networks.layers.masker import Masker
from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.panoptic.batches import MaskBatch

_SHOWN = 9
_PARTS = ("loss_cross_entropy", "loss_mask", "loss_dice")


class MaskTraining(Training[MaskBatch]):
    """A model and its losses.

    Args:
        model: the model.
        form: what its images look like.
    """

    def __init__(self, model: Masker, form: ImageFormat) -> None:
        super().__init__(model)
        self._form = form

    def forward(self, batch: MaskBatch) -> dict[str, Tensor]:
        """The loss; of it the parts of the classes, of single points and of the overlap, over all layers."""
        found = cast("Masker", self.model).losses(batch.images, batch.targets())
        parts = {
            name: torch.stack([value for key, value in found.items() if key.startswith(name)]).sum()
            for name in _PARTS
        }
        return {"loss": torch.stack(list(found.values())).sum()} | {
            name: value.detach() for name, value in parts.items()
        }

    def preview(self, batch: MaskBatch) -> Tensor | None:
        """The first images of a batch with their masks."""
        pictures = []
        for image, target in zip(batch.images[:_SHOWN], batch.targets(), strict=False):
            picture = self._form.restore(image.cpu()).expand(3, -1, -1)
            masks = target["masks"].cpu()
            pictures.append(draw_segmentation_masks(picture, masks, alpha=0.5) if len(masks) else picture)
        return cast("Tensor", make_grid(pictures, nrow=3)) if pictures else None
