"""Sources of batches: images as inputs, segments as masks of the same size."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from tunesmith.data.errors import DatasetError
from tunesmith.data.images import load
from tunesmith.networks.detection import Resize, ShortestSide
from tunesmith.networks.layers.masker import MaskTarget
from tunesmith.training.tasks.detection.augment import size_for
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.memory import fits_in_memory
from tunesmith.training.tasks.panoptic.datasets import Segments
from tunesmith.training.tasks.panoptic.samples import MaskSample
from tunesmith.training.tasks.pixels import Faults

_NO_LABEL = -1
_AT_A_TIME = 32
_MIRRORED = _DISTORTED = 0.5  # as in Mask2Former's own training
_SEGMENTS = 8  # of an image, as long as nobody has counted


class MaskBatch(NamedTuple):
    """Inputs and what is known of them.

    Attributes:
        images: normalised, float32 (batch, channels, height, width); filled up with zeros right and below.
        masks: (batch, most segments, height, width), true inside.
        labels: (batch, most segments) indices of classes; -1 fills up.
        sizes: (batch, 2) height and width of the image itself within the input.
        indices: (batch,) which samples they are.
        faults: the samples left out because they cannot be read, each with the reason.
    """

    images: Tensor
    masks: Tensor
    labels: Tensor
    sizes: Tensor
    indices: Tensor
    faults: Faults = ()

    def cpu(self) -> "MaskBatch":
        """The same in the processor's memory."""
        images, masks, labels = self.images.cpu(), self.masks.cpu(), self.labels.cpu()
        return MaskBatch(images, masks, labels, self.sizes.cpu(), self.indices.cpu(), self.faults)

    def targets(self) -> list[MaskTarget]:
        """What is to be found in each image."""
        known = self.labels != _NO_LABEL
        return [
            {"masks": masks[here], "class_labels": labels[here]}
            for masks, labels, here in zip(self.masks, self.labels, known, strict=True)
        ]


@dataclass(frozen=True)
class Inputs:
    """How images become inputs.

    Attributes:
        form: their normalisation; and their size, if `fixed`.
        sizing: what sizes images.
        stride: sides of inputs are multiples of it.
        crop: height and width of what is cut out at random; None takes the whole image.
        varied: mirror and distort colours at random.
        fixed: all inputs have the size of `form`.
        merged: segments of one class are one mask.
    """

    form: ImageFormat
    sizing: Resize | ShortestSide
    stride: int
    crop: tuple[int, int] | None = None
    varied: bool = False
    fixed: bool = False
    merged: bool = False


class Decoded:
    """Images, upright, RGB, uint8 (3, height, width), and their segments, from memory if they were loaded."""

    def __init__(self, samples: Sequence[MaskSample]) -> None:
        self.samples = samples
        self._held: list[tuple[Tensor, Segments | None]] | None = None

    def hold(self, between: Callable[[], None] = lambda: None) -> None:
        """Load all of them into memory, if there is room. `between` is called every few images.

        Raises:
            DatasetError: an image or its segments cannot be read.
        """
        areas = [width * height or 1 << 32 for width, height in (sample.size for sample in self.samples)]
        if not fits_in_memory((3 + _SEGMENTS) * sum(areas)):
            return
        held: list[tuple[Tensor, Segments | None]] = []
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for start in range(0, len(self.samples), _AT_A_TIME):
                held += pool.map(_decode, self.samples[start : start + _AT_A_TIME])
                between()
        self._held = held

    def __getitem__(self, index: int) -> tuple[Tensor, Segments | None]:
        return self._held[index] if self._held is not None else _decode(self.samples[index])


class MaskSource:
    """Batches of images with their segments.

    Args:
        decoded: the images and the segments.
        inputs: how they become inputs.
        tolerant: leave out images that cannot be read instead of raising DatasetError.
        count: samples of an epoch, if they are not to be each image once; which images, is left to chance.
    """

    cheap = False

    def __init__(
        self, decoded: Decoded, inputs: Inputs, *, tolerant: bool = False, count: int | None = None
    ) -> None:
        self._decoded, self._inputs, self._tolerant, self._count = decoded, inputs, tolerant, count
        self._distort = v2.RandomPhotometricDistort(p=_DISTORTED)

    @property
    def samples(self) -> Sequence[MaskSample]:
        """The samples, by index."""
        return self._decoded.samples

    def __len__(self) -> int:
        return self._count or len(self.samples)

    def fetch(self, indices: Sequence[int]) -> MaskBatch:
        """The batch of these samples.

        Raises:
            DatasetError: an image cannot be read, and the source is not tolerant.
        """
        made: list[tuple[Tensor, Tensor, Tensor]] = []
        kept: list[int] = []
        faults: list[tuple[int, str]] = []
        for index in map(self._drawn, indices):
            try:
                made.append(self._make(index))
                kept.append(index)
            except DatasetError as error:
                if not self._tolerant:
                    raise
                faults.append((index, str(error)))
        height, width = self._size([image for image, _, _ in made])
        most = max([1, *(len(labels) for _, _, labels in made)])
        images = torch.zeros(len(made), self._inputs.form.channels, height, width)
        masks = torch.zeros(len(made), most, height, width, dtype=torch.bool)
        labels = torch.full((len(made), most), _NO_LABEL)
        sizes = torch.zeros(len(made), 2, dtype=torch.int64)
        for row, (image, inside, classes) in enumerate(made):
            tall, wide = image.shape[-2:]
            images[row, :, :tall, :wide] = self._inputs.form.normalise(image)
            masks[row, : len(classes), :tall, :wide] = inside
            labels[row, : len(classes)] = classes
            sizes[row] = torch.tensor([tall, wide])
        return MaskBatch(images, masks, labels, sizes, torch.tensor(kept, dtype=torch.int64), tuple(faults))

    def _drawn(self, index: int) -> int:
        """The sample that stands for an index of the epoch: where an epoch is shorter, one of several."""
        count, there = len(self), len(self.samples)
        turns = max(1, -(-(there - index) // count))
        return (index + count * int(torch.randint(turns, ()))) % there

    def _make(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Image, masks (n, height, width), labels."""
        image, segments = self._decoded[index]
        height, width = image.shape[-2:]
        tall, wide = self._sized(height, width)
        rows, columns = _places(height, tall), _places(width, wide)
        image = functional.resize(image, [tall, wide], antialias=True)
        if self._inputs.crop:
            top, left = (
                _below(side - most + 1) for side, most in zip((tall, wide), self._inputs.crop, strict=True)
            )
            part = np.s_[top : top + self._inputs.crop[0]], np.s_[left : left + self._inputs.crop[1]]
            image, rows, columns = image[:, *part], rows[part[0]], columns[part[1]]
        if self._inputs.varied:
            image = self._distort(image)
            if torch.rand(()) < _MIRRORED:
                image, columns = image.flip(-1), columns.flip(0)
        if segments is None:
            return image, torch.zeros(0, *image.shape[-2:], dtype=torch.bool), torch.zeros(0).long()
        return image, *self._learnt(segments, rows, columns)

    def _learnt(self, segments: Segments, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Masks and labels of what is visible and no crowd."""
        found = segments.of(~segments.crowd)
        masks = torch.from_numpy(found.masks)[:, rows][:, :, columns]
        labels = torch.from_numpy(np.ascontiguousarray(found.labels))
        if self._inputs.merged and len(labels):
            classes = torch.unique(labels)
            masks = torch.stack([masks[labels == one].any(dim=0) for one in classes])
            labels = classes
        visible = masks.flatten(1).any(dim=1)
        return masks[visible], labels[visible]

    def _sized(self, height: int, width: int) -> tuple[int, int]:
        step = self._inputs.sizing
        if isinstance(step, ShortestSide):
            chosen = step.sizes[_below(len(step.sizes))]
            step = ShortestSide((chosen,), step.longest)
        return size_for(step, height, width)

    def _size(self, images: Sequence[Tensor]) -> tuple[int, int]:
        """Height and width of the batch."""
        form, stride = self._inputs.form, self._inputs.stride
        if self._inputs.fixed or not images:
            return form.height, form.width
        if self._inputs.crop:
            largest = list(self._inputs.crop)
        else:
            largest = [max(image.shape[side] for image in images) for side in (-2, -1)]
        return -(-largest[0] // stride) * stride, -(-largest[1] // stride) * stride


def _decode(sample: MaskSample) -> tuple[Tensor, Segments | None]:
    image = torch.from_numpy(load(sample.path).copy()).permute(2, 0, 1)
    segments = sample.segments()
    if segments is not None and segments.masks.shape[1:] != image.shape[1:]:
        told, own = segments.masks.shape[1:], tuple(image.shape[1:])
        raise DatasetError(
            f"The masks of {sample.name} have {told[1]} x {told[0]} pixels, the image has {own[1]} x "
            f"{own[0]}; give both the same size."
        )
    return image, segments


def _places(before: int, after: int) -> Tensor:
    """Which of so many pixels lie under the centres of the others."""
    return ((torch.arange(after) + 0.5) * before / after).long().clamp_max(before - 1)


def _below(limit: int) -> int:
    return int(torch.randint(max(1, limit), ()))
