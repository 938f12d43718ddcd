"""Sources of batches for detectors: images as inputs, boxes as targets."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torchvision.transforms.v2.functional import rgb_to_grayscale

from tunesmith.data.errors import DatasetError
from tunesmith.data.images import load
from tunesmith.networks.detection import Inputs, Resize
from tunesmith.networks.layers.detector import Target
from tunesmith.training.tasks.detection.augment import as_sample, build_steps, keep_visible, size_for
from tunesmith.training.tasks.detection.samples import DetectionSample
from tunesmith.training.tasks.memory import fits_in_memory

_NO_LABEL = -1
_AT_A_TIME = 32


class DetectionBatch(NamedTuple):
    """Inputs and what is known of them.

    Attributes:
        images: float32 (batch, channels, height, width).
        boxes: (batch, most objects, 4): centre x and y, width, height as shares of the input.
        labels: (batch, most objects) indices of classes; -1 fills up.
        frames: (batch, 2): width and height of the whole input in pixels of the image it was made of.
        indices: (batch,) which samples they are.
        faults: the samples left out because they cannot be read, each with the reason.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    frames: Tensor
    indices: Tensor
    faults: tuple[tuple[int, str], ...] = ()

    def targets(self) -> list[Target]:
        """What is to be found in each image."""
        known = self.labels != _NO_LABEL
        return [
            {"boxes": boxes[mask], "class_labels": labels[mask]}
            for boxes, labels, mask in zip(self.boxes, self.labels, known, strict=True)
        ]


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
    """

    cheap = False

    def __init__(
        self, images: Images, inputs: Inputs, *, varied: bool = False, tolerant: bool = False
    ) -> None:
        self._images, self._inputs, self._tolerant = images, inputs, tolerant
        self._varied = varied
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
        made: list[tuple[Tensor, Tensor, Tensor, tuple[float, float]]] = []
        kept, faults = [], []
        for index in indices:
            try:
                made.append(self._make(index))
                kept.append(index)
            except DatasetError as error:
                if not self._tolerant:
                    raise
                faults.append((index, str(error)))
        size = self._size([image for image, *_ in made])
        images = [self._filled(image, size) for image, *_ in made]
        most = max([1, *(len(labels) for _, _, labels, _ in made)])
        boxes = torch.zeros(len(made), most, 4)
        labels = torch.full((len(made), most), _NO_LABEL)
        frames = torch.zeros(len(made), 2)
        for row, (image, corners, classes, original) in enumerate(made):
            height, width = image.shape[-2:]
            boxes[row, : len(classes)] = _shares(corners, *size)
            labels[row, : len(classes)] = classes
            frames[row] = torch.tensor([size[1] / width * original[0], size[0] / height * original[1]])
        channels = len(self._mean) + self._inputs.marks_padding
        stacked = torch.stack(images) if images else torch.zeros(0, channels, *size)
        return DetectionBatch(
            self._scaled(stacked), boxes, labels, frames, torch.tensor(kept, dtype=torch.int64), tuple(faults)
        )

    def _make(self, index: int) -> tuple[Tensor, Tensor, Tensor, tuple[float, float]]:
        """Image, boxes by corners, labels; and the original's width and height."""
        image, objects = self._images[index], self.samples[index].objects()
        height, width = image.shape[-2:]
        learnt = np.ones_like(objects.crowd) if self._inputs.crowds else ~objects.crowd
        boxes = torch.from_numpy(objects.boxes[learnt]).float()
        labels = torch.from_numpy(np.ascontiguousarray(objects.labels[learnt]))
        sample = keep_visible(self._steps(as_sample(image, boxes, labels)))
        most = self._inputs.most_objects if self._varied else None
        plain = torch.Tensor.as_subclass
        return (
            plain(sample["image"], Tensor),
            plain(sample["boxes"], Tensor)[:most],
            sample["labels"][:most],
            (width, height),
        )

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
    if sample.source is None:
        return (1 << 16, 1 << 16)  # not known before it is opened: it is not held
    image = sample.source.data.annotated.images[sample.place]
    return image.width, image.height


def _shares(corners: Tensor, height: int, width: int) -> Tensor:
    """Boxes by corners in pixels as centre x and y, width, height in shares of the input."""
    left, top, right, bottom = corners.float().unbind(1)
    shares = torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], dim=1)
    return shares / torch.tensor([width, height, width, height])
