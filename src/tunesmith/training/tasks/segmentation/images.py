"""Sources of batches of images and masks, decoded on the way or held in memory."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tunesmith.data.class_masks import read_class_mask
from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.memory import fits_in_memory
from tunesmith.training.tasks.pixels import Faults, Pixels
from tunesmith.training.tasks.segmentation.data import Sample
from tunesmith.training.tasks.segmentation.labels import IGNORED, UNKNOWN

_AT_A_TIME = 64

Varied = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Changes an image (3, height, width) and its mask (height, width), both uint8, in the same way."""


class SegmentBatch(NamedTuple):
    """Images and their masks.

    Attributes:
        images: normalised, float32 (batch, channels, height, width).
        masks: classes, int64 (batch, height, width); 255 where nothing is known.
        indices: (batch,) which samples they are.
        faults: the samples left out because they cannot be read, each with the reason.
    """

    images: Tensor
    masks: Tensor
    indices: Tensor
    faults: Faults = ()


class Masks:
    """The masks of samples as classes, scaled to the size of the images: uint8 (height, width)."""

    def __init__(self, samples: Sequence[Sample], form: ImageFormat) -> None:
        self._samples, self._form = samples, form
        self._held: Tensor | None = None

    def hold(self, between: Callable[[], None] = lambda: None) -> bool:
        """Load all masks into memory, if they are few. Returns whether they are there.

        Raises:
            DatasetError: a mask cannot be used.
        """
        shape = (len(self._samples), self._form.height, self._form.width)
        if not fits_in_memory(shape[0] * shape[1] * shape[2]):
            return False
        held = torch.empty(shape, dtype=torch.uint8)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for start in range(0, shape[0], _AT_A_TIME):
                some = self._samples[start : start + _AT_A_TIME]
                for offset, mask in enumerate(pool.map(self._decode, some)):
                    held[start + offset] = mask
                between()
        self._held = held
        return True

    def stack(self, indices: Sequence[int]) -> Tensor:
        """Several masks as (batch, height, width)."""
        if self._held is not None:
            return self._held[list(indices)]
        found = [self._decode(self._samples[index]) for index in indices]
        return torch.stack(found) if found else torch.empty((0, *self._size), dtype=torch.uint8)

    @property
    def _size(self) -> tuple[int, int]:
        return self._form.height, self._form.width

    def _decode(self, sample: Sample) -> Tensor:
        if sample.mask is None:
            return torch.full(self._size, IGNORED, dtype=torch.uint8)
        try:
            values = read_class_mask(sample.mask)
        except FileFlawError as flaw:
            raise DatasetError(str(flaw)) from flaw
        labels = sample.table[values]
        if (labels == UNKNOWN).any():
            value = int(values[labels == UNKNOWN][0])
            raise DatasetError(
                f"The mask {sample.mask.name} has the value {value}, which is no class: name it in "
                "the palette, set the number of classes, or write 255 for what is ignored."
            )
        image = Image.fromarray(labels.astype(np.uint8))
        if image.size != (self._form.width, self._form.height):
            image = image.resize((self._form.width, self._form.height), Image.Resampling.NEAREST)
        return torch.from_numpy(np.array(image))


class MaskedSource:
    """Batches of images and masks.

    Args:
        samples: the images.
        form: what they look like to the model.
        vary: changes an image and its mask at random, before normalisation.
        tolerant: leave out images that cannot be read instead of raising DatasetError.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        form: ImageFormat,
        *,
        vary: Varied | None = None,
        tolerant: bool = False,
    ) -> None:
        self.samples, self._form, self._vary, self._tolerant = samples, form, vary, tolerant
        self._pixels, self._masks = Pixels(samples, form), Masks(samples, form)

    def hold(self, between: Callable[[], None] = lambda: None) -> None:
        """Load images and masks into memory, if they are few.

        Raises:
            DatasetError: one of them cannot be used.
        """
        if self._pixels.hold(between):
            self._masks.hold(between)

    def varied(self, vary: Varied | None) -> "MaskedSource":
        """The same samples, changed at random; what is in memory is shared."""
        other = MaskedSource(self.samples, self._form, vary=vary, tolerant=self._tolerant)
        other._pixels, other._masks = self._pixels, self._masks
        return other

    @property
    def cheap(self) -> bool:
        """Whether a batch is hardly more than a copy."""
        return self._pixels.in_memory and not self._vary

    def __len__(self) -> int:
        return len(self.samples)

    def fetch(self, indices: Sequence[int]) -> SegmentBatch:
        """The batch of these samples.

        Raises:
            DatasetError: an image or a mask cannot be used; of images not if the source is tolerant.
        """
        faults: Faults = ()
        if self._tolerant:
            raw, indices, faults = self._pixels.readable(indices)
        else:
            raw = self._pixels.stack(indices)
        masks = self._masks.stack(indices)
        if self._vary and len(raw):
            pairs = [self._vary(image, mask) for image, mask in zip(raw, masks, strict=True)]
            raw, masks = torch.stack([one for one, _ in pairs]), torch.stack([one for _, one in pairs])
        chosen = torch.tensor(indices, dtype=torch.int64)
        return SegmentBatch(self._form.normalise(raw), masks.long(), chosen, faults)
