"""Sources of image batches, decoded on the way or held in memory."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tunesmith.data.classification import Sample
from tunesmith.training.tasks.pixels import Faults, Pixels

UNLABELLED = -1


class ImageBatch(NamedTuple):
    """Images and what is known of them.

    Attributes:
        images: normalised, float32 (batch, channels, height, width).
        labels: class indices (batch,), -1 where unknown; or class weights (batch, classes) of mixed images.
        indices: (batch,) which samples they are.
        faults: the samples left out because they cannot be read, each with the reason.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    faults: Faults = ()


Varied = Callable[[Tensor], Tensor]
Mixed = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class ImageSource:
    """Batches of images.

    Args:
        pixels: the images.
        vary: changes one uint8 image at random, before normalisation.
        spoil: changes one normalised image at random.
        mix: mixes the images and labels of a batch.
        tolerant: leave out images that cannot be read instead of raising DatasetError.
    """

    def __init__(
        self,
        pixels: Pixels[Sample],
        *,
        vary: Varied | None = None,
        spoil: Varied | None = None,
        mix: Mixed | None = None,
        tolerant: bool = False,
    ) -> None:
        self._pixels, self._vary, self._spoil, self._mix = pixels, vary, spoil, mix
        self._tolerant = tolerant
        self._labels = torch.tensor(
            [UNLABELLED if sample.label is None else sample.label for sample in pixels.samples]
        )

    @property
    def samples(self) -> Sequence[Sample]:
        """The samples, by index."""
        return self._pixels.samples

    @property
    def cheap(self) -> bool:
        """Whether a batch is hardly more than a copy."""
        return self._pixels.in_memory and not self._vary

    def __len__(self) -> int:
        return len(self.samples)

    def fetch(self, indices: Sequence[int]) -> ImageBatch:
        """The batch of these samples.

        Raises:
            DatasetError: an image cannot be read, and the source is not tolerant.
        """
        faults: Faults = ()
        if self._tolerant:
            raw, indices, faults = self._pixels.readable(indices)
        else:
            raw = self._pixels.stack(indices)
        if self._vary and len(raw):
            raw = torch.stack([self._vary(image) for image in raw])
        images = self._pixels.form.normalise(raw)
        if self._spoil and len(images):
            images = torch.stack([self._spoil(image) for image in images])
        labels = self._labels[list(indices)]
        if self._mix:
            images, labels = self._mix(images, labels)
        return ImageBatch(images, labels, torch.tensor(indices, dtype=torch.int64), faults)
