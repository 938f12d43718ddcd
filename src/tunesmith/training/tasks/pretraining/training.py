"""What trains a masked autoencoder: the error of what it fills in."""

from typing import cast

from torch import Tensor, nn
from torchvision.utils import make_grid

from tunesmith.networks.mae.model import MaskedAutoencoder
from tunesmith.networks.mae.patches import draw_kept, reconstruction_losses
from tunesmith.training.engine.training import Training
from tunesmith.training.tasks.classification.images import ImageBatch
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.pretraining.drawing import triptych

_SHOWN = 6


class PretrainingTraining(Training[ImageBatch]):
    """A masked autoencoder and its loss; other patches are hidden each time.

    Args:
        model: a MaskedAutoencoder.
        form: what its images look like.
        by_patch: whether the pixels of each patch are normalised before they are compared.
    """

    def __init__(self, model: nn.Module, form: ImageFormat, *, by_patch: bool) -> None:
        super().__init__(model)
        self._form, self._by_patch = form, by_patch

    def forward(self, batch: ImageBatch) -> dict[str, Tensor]:
        """The loss of a batch."""
        model = cast("MaskedAutoencoder", self.model)
        kept = draw_kept(len(batch.images), model.count, model.ratio, batch.images.device)
        patches = model.reconstruct(batch.images, kept)
        losses = reconstruction_losses(batch.images, patches, kept, model.side, by_patch=self._by_patch)
        return {"loss": losses.mean()}

    def preview(self, batch: ImageBatch) -> Tensor | None:
        """The first images of a batch, with what is seen of them and what is made of it."""
        model = cast("MaskedAutoencoder", self.model)
        images = batch.images[:_SHOWN]
        kept = draw_kept(len(images), model.count, model.ratio, images.device)
        patches = model.reconstruct(images, kept)
        shown = triptych(self._form, images, patches, kept, model.side, by_patch=self._by_patch)
        return cast("Tensor", make_grid([one for three in zip(*shown, strict=True) for one in three], nrow=3))
