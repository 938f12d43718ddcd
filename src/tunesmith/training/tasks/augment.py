"""Transforms that vary images at random, as the sections that specs share say.

They take uint8 images (3, height, width), alone or with boxes and masks as torchvision's tv_tensors.
"""

from collections.abc import Iterator

from torch import nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode

from tunesmith.specs import SpecError, SpecProblem
from tunesmith.specs.blocks.augmentation import RandomColor, RandomFlip, RandomRotate, ScaleRandomCrop

SMALLEST_CROP = 0.8
"""The share of the image's area that a random crop keeps at least."""

Fill = float | dict[type, float]
"""A value for new pixels, or one for each kind of tv_tensor."""

_BLURRED = 0.5
_BLUR_SIGMA = (0.1, 1.5)


def flips(spec: RandomFlip) -> Iterator[nn.Module]:
    """Mirror images."""
    if spec.enable and spec.vflip_probability:
        yield v2.RandomVerticalFlip(spec.vflip_probability)
    if spec.enable and spec.hflip_probability:
        yield v2.RandomHorizontalFlip(spec.hflip_probability)


def turns(spec: RandomRotate, fill: Fill = 0) -> Iterator[nn.Module]:
    """Turn images by one of several angles.

    Args:
        spec: whether, how often, and the angles.
        fill: what the corners are filled with.
    """
    if spec.enable and spec.rotate_probability and spec.angle_list:
        ways = [
            v2.RandomRotation(
                (angle, angle),
                InterpolationMode.BILINEAR if angle % 90 else InterpolationMode.NEAREST,
                fill=fill,
            )
            for angle in spec.angle_list
        ]
        yield v2.RandomApply([v2.RandomChoice(ways)], spec.rotate_probability)


def scaled_crops(spec: ScaleRandomCrop, size: int, section: str, fill: Fill = 0) -> Iterator[nn.Module]:
    """Enlarge, then cut out.

    Args:
        spec: whether, and by how much.
        size: the side of the images in pixels.
        section: where the section is, for messages: "dataset.augmentation".
        fill: what is put around images that were made smaller.

    Raises:
        SpecError: the range cannot be used.
    """
    if spec.enable:
        scales = _scales(spec.scale_range, f"{section}.with_scale_random_crop.scale_range")
        yield v2.ScaleJitter((size, size), scales, antialias=True)
        yield v2.RandomCrop(size, pad_if_needed=True, fill=fill)


def colours(spec: RandomColor) -> Iterator[nn.Module]:
    """Vary colours."""
    if spec.enable and spec.color_probability:
        jitter = v2.ColorJitter(spec.brightness, spec.contrast, spec.saturation, spec.hue)
        yield v2.RandomApply([jitter], spec.color_probability)


def blurs(size: int) -> Iterator[nn.Module]:
    """Blur some images of this many pixels a side."""
    # Three sigma on each side; small images cannot take a wide kernel.
    kernel = min(9, size // 4 * 2 - 1)
    yield v2.RandomApply([v2.GaussianBlur(max(3, kernel), _BLUR_SIGMA)], _BLURRED)


def _scales(given: list[float], path: str) -> tuple[float, float]:
    if len(given) != 2 or not 0 < given[0] <= given[1]:
        raise SpecError([SpecProblem(path, "must hold two numbers above 0, the smaller one first", given)])
    return given[0], given[1]
