"""How an image becomes numbers: size, channels, normalisation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2.functional import resize, rgb_to_grayscale

from tunesmith.data.images import open_rgb
from tunesmith.specs import SpecError, SpecProblem


@dataclass(frozen=True)
class ImageFormat:
    """What a model takes.

    Attributes:
        height: in pixels.
        width: in pixels.
        mean: of each channel, 0 to 1; one entry for grey images, three for colour.
        std: the deviation of each channel.
        bicubic: whether images are scaled by cubic curves instead of lines.
        centred: whether the margins of images of other proportions are cut off, instead of squeezing them.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    bicubic: bool = False
    centred: bool = False

    @classmethod
    def square(cls, size: int, mean: Sequence[float], std: Sequence[float], section: str) -> "ImageFormat":
        """The format of square colour images that a spec trains with.

        Args:
            size: its img_size, in pixels.
            mean: its augmentation.mean.
            std: its augmentation.std.
            section: where these keys are, for messages: "dataset".

        Raises:
            SpecError: mean or deviation do not fit three channels, or there is no pixel.
        """
        _check(f"{section}.img_size", "must be at least 8 pixels", size, right=size >= 8)
        _check(f"{section}.augmentation.mean", "must hold three numbers", mean, right=len(mean) == 3)
        right = len(std) == 3 and all(value > 0 for value in std)
        _check(f"{section}.augmentation.std", "must hold three numbers above 0", std, right=right)
        return cls(size, size, tuple(mean), tuple(std))

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return len(self.mean)

    def decode(self, path: Path) -> Tensor:
        """The image in a file, scaled to this size: uint8 (3, height, width).

        Raises:
            DatasetError: the file cannot be read as an image.
        """
        image = open_rgb(path)
        if image.size != (self.width, self.height):
            kind = Image.Resampling.BICUBIC if self.bicubic else Image.Resampling.BILINEAR
            size = (self.width, self.height)
            image = ImageOps.fit(image, size, kind) if self.centred else image.resize(size, kind)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 (..., 3, height, width) to float32 (..., channels, height, width)."""
        if self.channels == 1:
            images = rgb_to_grayscale(images)
        mean, std = _column(self.mean), _column(self.std)
        return images.float().sub_(mean).div_(std)

    def to(self, other: "ImageFormat") -> Callable[[Tensor], Tensor]:
        """What turns images (batch, 3, height, width) of this format into images of another one."""
        scale = torch.tensor(self.std) / torch.tensor(other.std)
        shift = (torch.tensor(self.mean) - torch.tensor(other.mean)) / torch.tensor(other.std)
        scale, shift = scale.view(1, -1, 1, 1), shift.view(1, -1, 1, 1)
        size = (other.height, other.width)

        def turned(images: Tensor) -> Tensor:
            if size != images.shape[-2:]:
                images = resize(images, list(size), antialias=True)
            return images * scale.to(images.device) + shift.to(images.device)

        return turned if self != other else lambda images: images

    def restore(self, images: Tensor) -> Tensor:
        """Normalised images as pictures with values from 0 to 1, for people to see."""
        images = images.float()
        column = [-1, 1, 1]
        mean = torch.tensor(self.mean, device=images.device).view(column)
        std = torch.tensor(self.std, device=images.device).view(column)
        return images.mul(std).add(mean).clamp(0, 1)


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values).mul(255).view(-1, 1, 1)


def _check(path: str, rule: str, value: object, *, right: bool) -> None:
    if not right:
        raise SpecError([SpecProblem(path, rule, value)])
