"""Sources of batches for detectors: images as inputs, boxes as targets."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torchvision.transforms.v2.functional import rgb_to_grayscale

from tunesmith.data.errors import DatasetError
from tunesmith.data.images import load
from tunesmith.networks.detection import Inputs, Resize
from tunesmith.networks.layers.detector import Target
from tunesmith.training.tasks.detection.annotations import Caption, DetectionSample
from tunesmith.training.tasks.detection.augment import as_sample, build_steps, keep_visible, size_for
from tunesmith.training.tasks.memory import fits_in_memory

_NO_LABEL = -1
_AT_A_TIME = 32
MASK_STRIDE = 4
"""Pixels of an input between two of a mask."""


class DetectionBatch(NamedTuple):
    """Inputs and what is known of them.

    Attributes:
        images: float32 (batch, channels, height, width).
        boxes: (batch, most objects, 4): centre x and y, width, height as shares of the input.
        labels: (batch, most objects) indices of classes; -1 fills up.
        frames: (batch, 2): width and height of the whole input in pixels of the image it was made of.
        indices: (batch,) which samples they are.
        faults: the samples left out because they cannot be read, each with the reason.
        captions: of each image the text whose phrases its labels are, where it has one; empty if none has.
        masks: uint8 (batch, most objects, height / 4, width / 4), 1 inside; none if they are not asked for.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    frames: Tensor
    indices: Tensor
    faults: tuple[tuple[int, str], ...] = ()
    captions: tuple[Caption | None, ...] = ()
    masks: Tensor | None = None

    def targets(self) -> list[Target]:
        """What is to be found in each image."""
        known = self.labels != _NO_LABEL
        found: list[Target] = [
            {"boxes": boxes[mask], "class_labels": labels[mask]}
            for boxes, labels, mask in zip(self.boxes, self.labels, known, strict=True)
        ]
        if self.masks is None:
            return found
        inside = zip(found, self.masks, known, strict=True)
        return [{**one, "masks": masks[mask].float()} for one, masks, mask in inside]


class _Made(NamedTuple):
    """A sample as an input: image, boxes by corners, labels, masks; the original's width and height."""

    image: Tensor
    boxes: Tensor
    labels: Tensor
    masks: Tensor | None
    original: tuple[float, float]
    caption: Caption | None


class Images:
    """Decoded images, upright, RGB, uint8 (3, height, width), from memory if they were loaded into it."""

    def __init__(self, samples: Sequence[DetectionSample]) -> None:
        self.samples = samples
        self._held: list[Tensor] | None = None

    def hold(self, between: Callable[[], None] = lambda: None) -> None:
        """Load all images into memory, if there is room. `between` is called every few images.

        Raises:
            DatasetError: an image cannot be read.
        """
        if not fits_in_memory(sum(3 * width * height for width, height in map(_size, self.samples))):
            return
        held: list[Tensor] = []
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for start in range(0, len(self.samples), _AT_A_TIME):
                paths = [sample.path for sample in self.samples[start : start + _AT_A_TIME]]
                held += pool.map(_decode, paths)
                between()
        self._held = held

    def __getitem__(self, index: int) -> Tensor:
        return self._held[index] if self._held is not None else _decode(self.samples[index].path)


class DetectionSource:
    """Batches of images with their boxes.

    Args:
        images: the decoded images.
        inputs: how they become inputs.
        varied: apply the training's steps, and its sizes of batches.
        tolerant: leave out images that cannot be read instead of raising DatasetError.
        masks: give the masks of the objects too.
    """

    cheap = False

    def __init__(
        self,
        images: Images,
        inputs: Inputs,
        *,
        varied: bool = False,
        tolerant: bool = False,
        masks: bool = False,
    ) -> None:
        self._images, self._inputs, self._tolerant = images, inputs, tolerant
        self._varied, self._masks = varied, masks
        self._steps = build_steps(inputs.training if varied else (inputs.evaluation,))
        self._mean = torch.tensor(inputs.mean).mul(255).view(-1, 1, 1)
        self._std = torch.tensor(inputs.std).mul(255).view(-1, 1, 1)

    @property
    def samples(self) -> Sequence[DetectionSample]:
        """The samples, by index."""
        return self._images.samples

    def __len__(self) -> int:
        return len(self.samples)

    def fetch(self, indices: Sequence[int]) -> DetectionBatch:
        """The batch of these samples.

        Raises:
            DatasetError: an image cannot be read, and the source is not tolerant.
        """
        made: list[_Made] = []
        kept, faults = [], []
        for index in indices:
            try:
                made.append(self._make(index))
                kept.append(index)
            except DatasetError as error:
                if not self._tolerant:
                    raise
                faults.append((index, str(error)))
        size = self._size([one.image for one in made])
        images = [self._filled(one.image, size) for one in made]
        most = max([1, *(len(one.labels) for one in made)])
        boxes = torch.zeros(len(made), most, 4)
        labels = torch.full((len(made), most), _NO_LABEL)
        frames = torch.zeros(len(made), 2)
        for row, one in enumerate(made):
            (height, width), original = one.image.shape[-2:], one.original
            boxes[row, : len(one.labels)] = _shares(one.boxes, *size)
            labels[row, : len(one.labels)] = one.labels
            frames[row] = torch.tensor([size[1] / width * original[0], size[0] / height * original[1]])
        channels = len(self._mean) + self._inputs.marks_padding
        stacked = torch.stack(images) if images else torch.zeros(0, channels, *size)
        scaled = self._scaled(stacked)
        captions = tuple(one.caption for one in made)
        return DetectionBatch(
            scaled,
            boxes,
            labels,
            frames,
            torch.tensor(kept, dtype=torch.int64),
            tuple(faults),
            captions if any(captions) else (),
            _stacked_masks([one.masks for one in made], most, size, scaled.shape) if self._masks else None,
        )

    def _make(self, index: int) -> _Made:
        image, objects = self._images[index], self.samples[index].objects()
        height, width = image.shape[-2:]
        learnt = np.ones_like(objects.crowd) if self._inputs.crowds else ~objects.crowd
        boxes = torch.from_numpy(objects.boxes[learnt]).float()
        labels = torch.from_numpy(np.ascontiguousarray(objects.labels[learnt]))
        masks = self._masks_of(index, learnt, (height, width)) if self._masks else None
        sample = keep_visible(self._steps(as_sample(image, boxes, labels, masks)))
        most = self._inputs.most_objects if self._varied else None
        plain = torch.Tensor.as_subclass
        return _Made(
            plain(sample["image"], Tensor),
            plain(sample["boxes"], Tensor)[:most],
            sample["labels"][:most],
            plain(sample["masks"], Tensor)[:most] if "masks" in sample else None,
            (width, height),
            objects.caption,
        )

    def _masks_of(self, index: int, learnt: NDArray[np.bool_], size: tuple[int, int]) -> Tensor:
        """uint8 (objects, height, width); nothing inside where an object has no mask."""
        found = self.samples[index].masks()
        chosen = [mask for mask, take in zip(found, learnt, strict=True) if take]
        whole = [np.zeros(size, np.bool_) if mask is None else mask for mask in chosen]
        return torch.from_numpy(np.stack(whole) if whole else np.zeros((0, *size), np.bool_)).to(torch.uint8)

    def _size(self, images: Sequence[Tensor]) -> tuple[int, int]:
        """Height and width of the batch."""
        if isinstance(self._inputs.evaluation, Resize) and not self._inputs.padded:
            one = self._inputs.training[-1] if self._varied else self._inputs.evaluation
            if isinstance(one, Resize):
                return one.height, one.width
        largest = [max([1, *(image.shape[side] for image in images)]) for side in (-2, -1)]
        fixed = self._inputs.padded or (0, 0)
        return max(largest[0], fixed[0]), max(largest[1], fixed[1])

    def _filled(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Normalised, filled up with zeros right and below, with a channel that marks these."""
        if len(self._mean) == 1:
            image = rgb_to_grayscale(image)
        normal = (image.float() - self._mean) / self._std
        more = (0, size[1] - image.shape[-1], 0, size[0] - image.shape[-2])
        filled = pad(normal, more)
        if self._inputs.marks_padding:
            marks = pad(torch.zeros(1, *image.shape[-2:]), more, value=1.0)
            filled = torch.cat([filled, marks])
        return filled

    def _scaled(self, images: Tensor) -> Tensor:
        """A training batch in one of the squares at random."""
        sides = self._inputs.sides
        if not self._varied or not sides or not len(images):
            return images
        side = sides[int(torch.randint(len(sides), ()))]
        if images.shape[-2:] == (side, side):
            return images
        return interpolate(images, (side, side), mode="bilinear", align_corners=False)


def inputs_size(inputs: Inputs, width: int, height: int) -> tuple[int, int]:
    """Height and width of the input that an image of some size becomes, alone in its batch."""
    own = size_for(inputs.evaluation, height, width)
    fixed = inputs.padded or (0, 0)
    if isinstance(inputs.evaluation, Resize):
        fixed = (inputs.evaluation.height, inputs.evaluation.width)
    return max(own[0], fixed[0]), max(own[1], fixed[1])


def _decode(path: Path) -> Tensor:
    return torch.from_numpy(load(path).copy()).permute(2, 0, 1)


def _size(sample: DetectionSample) -> tuple[int, int]:
    return sample.size() or (1 << 16, 1 << 16)  # not known before it is opened: it is not held


def _stacked_masks(
    masks: Sequence[Tensor | None], most: int, size: tuple[int, int], scaled: torch.Size
) -> Tensor:
    """Masks of several images (batch, most, height / 4, width / 4) of the size that the images came to."""
    height, width = (-(-side // MASK_STRIDE) for side in scaled[-2:])
    stacked = torch.zeros(len(masks), most, height, width, dtype=torch.uint8)
    for row, one in enumerate(masks):
        if one is not None and len(one):
            more = (0, size[1] - one.shape[-1], 0, size[0] - one.shape[-2])
            whole = pad(one.float(), more)[None]
            small = interpolate(whole, (height, width), mode="bilinear", antialias=True)[0]
            stacked[row, : len(one)] = small > 0.5
    return stacked


def _shares(corners: Tensor, height: int, width: int) -> Tensor:
    """Boxes by corners in pixels as centre x and y, width, height in shares of the input."""
    left, top, right, bottom = corners.float().unbind(1)
    shares = torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], dim=1)
    return shares / torch.tensor([width, height, width, height])
