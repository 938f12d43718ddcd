"""Sources of image batches, decoded on the way or held in memory."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tunesmith.data.classification import Sample
from tunesmith.data.errors import DatasetError
from tunesmith.training.tasks.classification.format import ImageFormat

MEMORY_LIMIT = 1 << 30
_SHARE_OF_FREE = 0.25
_AT_A_TIME = 64
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
    faults: tuple[tuple[int, str], ...] = ()


Varied = Callable[[Tensor], Tensor]
Mixed = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Pixels:
    """Images scaled to one size as uint8 (3, height, width), from memory if they were loaded into it."""

    def __init__(self, samples: Sequence[Sample], form: ImageFormat) -> None:
        self.samples, self.form = samples, form
        self._held: Tensor | None = None

    @property
    def in_memory(self) -> bool:
        """Whether no file is read any more."""
        return self._held is not None

    def hold(self, between: Callable[[], None] = lambda: None) -> bool:
        """Load all images into memory, if they are few. Returns whether they are there.

        `between` is called every few images; what it raises ends the loading.

        Raises:
            DatasetError: an image cannot be read.
        """
        shape = (len(self.samples), 3, self.form.height, self.form.width)
        if not fits_in_memory(shape[0] * shape[1] * shape[2] * shape[3]):
            return False
        held = torch.empty(shape, dtype=torch.uint8)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for start in range(0, shape[0], _AT_A_TIME):
                paths = [sample.path for sample in self.samples[start : start + _AT_A_TIME]]
                for offset, image in enumerate(pool.map(self.form.decode, paths)):
                    held[start + offset] = image
                between()
        self._held = held
        return True

    def __getitem__(self, index: int) -> Tensor:
        if self._held is not None:
            return self._held[index]
        return self.form.decode(self.samples[index].path)

    def stack(self, indices: Sequence[int]) -> Tensor:
        """Several images as (batch, 3, height, width)."""
        if self._held is not None:
            return self._held[list(indices)]
        return torch.stack([self[index] for index in indices])


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
        pixels: Pixels,
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
        faults: list[tuple[int, str]] = []
        if self._tolerant:
            raw, indices = self._readable(indices, faults)
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
        return ImageBatch(images, labels, torch.tensor(indices, dtype=torch.int64), tuple(faults))

    def _readable(
        self, indices: Sequence[int], faults: list[tuple[int, str]]
    ) -> tuple[Tensor, Sequence[int]]:
        form = self._pixels.form
        images, kept = [], []
        for index in indices:
            try:
                images.append(self._pixels[index])
                kept.append(index)
            except DatasetError as error:
                faults.append((index, str(error)))
        nothing = torch.empty((0, 3, form.height, form.width), dtype=torch.uint8)
        return torch.stack(images) if images else nothing, kept


def fits_in_memory(size: int) -> bool:
    """Whether so many bytes may be held: under a gibibyte, and a quarter of what is free."""
    return size <= min(MEMORY_LIMIT, _SHARE_OF_FREE * _free_memory())


def _free_memory() -> int:
    """What new data may take without swapping; where the system does not tell, there is enough."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 4 * MEMORY_LIMIT
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)
