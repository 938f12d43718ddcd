"""Varies training images at random, as the spec's section dataset.augmentation says."""

from collections.abc import Callable, Iterator

from torch import Tensor, nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode

from tunesmith.networks.classification_pyt.spec import Augmentation
from tunesmith.specs import SpecError, SpecProblem

_SECTION = "dataset.augmentation"
_SMALLEST_CROP = 0.8  # share of the image's area that a random crop keeps at least
_BLURRED = 0.5
_BLUR_SIGMA = (0.1, 1.5)


def build_variation(spec: Augmentation, size: int) -> Callable[[Tensor], Tensor] | None:
    """What changes one uint8 image (3, size, size); None if nothing is enabled.

    Raises:
        SpecError: a value cannot be used; the message names the key.
    """
    steps = [*_geometry(spec, size), *_colours(spec, size)]
    return _function(v2.Compose(steps)) if steps else None


def build_erasing(spec: Augmentation) -> Callable[[Tensor], Tensor] | None:
    """What blanks a rectangle of one normalised image with the mean colour; None if disabled."""
    erase = spec.random_erase
    if not erase.enable or not erase.erase_probability:
        return None
    return _function(v2.RandomErasing(erase.erase_probability))


def build_mixing(
    spec: Augmentation, classes: int
) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    """What mixes pairs within a batch, by mixup or by cutmix; None if disabled.

    It takes images and class indices (batch,), and returns images and class weights (batch, classes).
    """
    if not spec.mixup_cutmix or not spec.mixup_alpha:
        return None
    mixup = v2.MixUp(alpha=spec.mixup_alpha, num_classes=classes)
    cutmix = v2.CutMix(alpha=spec.mixup_alpha, num_classes=classes)
    chosen = v2.RandomChoice([mixup, cutmix])

    def mix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mixed: tuple[Tensor, Tensor] = chosen(images, labels)
        return mixed

    return mix


def _geometry(spec: Augmentation, size: int) -> Iterator[nn.Module]:
    if spec.with_scale_random_crop.enable:
        scales = _scales(spec.with_scale_random_crop.scale_range)
        yield v2.ScaleJitter((size, size), scales, antialias=True)
        yield v2.RandomCrop(size, pad_if_needed=True)
    if spec.with_random_crop:
        yield v2.RandomResizedCrop(size, (_SMALLEST_CROP, 1.0), (1.0, 1.0), antialias=True)
    flip = spec.random_flip
    if flip.enable and flip.vflip_probability:
        yield v2.RandomVerticalFlip(flip.vflip_probability)
    if flip.enable and flip.hflip_probability:
        yield v2.RandomHorizontalFlip(flip.hflip_probability)
    rotate = spec.random_rotate
    if rotate.enable and rotate.rotate_probability and rotate.angle_list:
        turns = [
            v2.RandomRotation(
                (angle, angle), InterpolationMode.BILINEAR if angle % 90 else InterpolationMode.NEAREST
            )
            for angle in rotate.angle_list
        ]
        yield v2.RandomApply([v2.RandomChoice(turns)], rotate.rotate_probability)


def _colours(spec: Augmentation, size: int) -> Iterator[nn.Module]:
    colour = spec.random_color
    if colour.enable and colour.color_probability:
        jitter = v2.ColorJitter(colour.brightness, colour.contrast, colour.saturation, colour.hue)
        yield v2.RandomApply([jitter], colour.color_probability)
    if spec.with_random_blur:
        # Three sigma on each side; small images cannot take a wide kernel.
        kernel = min(9, size // 4 * 2 - 1)
        yield v2.RandomApply([v2.GaussianBlur(max(3, kernel), _BLUR_SIGMA)], _BLURRED)
    if spec.random_aug.enable:
        yield v2.RandAugment()


def _scales(given: list[float]) -> tuple[float, float]:
    if len(given) != 2 or not 0 < given[0] <= given[1]:
        rule = "must hold two numbers above 0, the smaller one first"
        raise SpecError([SpecProblem(f"{_SECTION}.with_scale_random_crop.scale_range", rule, given)])
    return given[0], given[1]


def _function(transform: nn.Module) -> Callable[[Tensor], Tensor]:
    def apply(image: Tensor) -> Tensor:
        varied: Tensor = transform(image)
        return varied

    return apply
