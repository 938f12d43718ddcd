"""The images of samples, decoded on the way or held in memory."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic

import torch
from torch import Tensor

from tunesmith.data.errors import DatasetError
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.memory import fits_in_memory
from tunesmith.training.tasks.splitting import SampleT

_AT_A_TIME = 64

Faults = tuple[tuple[int, str], ...]
"""The samples that cannot be read, each with the reason."""


class Pixels(Generic[SampleT]):
    """Images scaled to one size as uint8 (3, height, width), from memory if they were loaded into it."""

    def __init__(self, samples: Sequence[SampleT], form: ImageFormat) -> None:
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

    def readable(self, indices: Sequence[int]) -> tuple[Tensor, list[int], Faults]:
        """Those of several images that can be read, which they are, and what is wrong with the others."""
        images, kept, faults = [], [], []
        for index in indices:
            try:
                images.append(self[index])
                kept.append(index)
            except DatasetError as error:
                faults.append((index, str(error)))
        nothing = torch.empty((0, 3, self.form.height, self.form.width), dtype=torch.uint8)
        return torch.stack(images) if images else nothing, kept, tuple(faults)
