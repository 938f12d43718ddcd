"""Varies training images at random, as the spec's section dataset.augmentation says."""

from collections.abc import Callable, Iterator

from torch import Tensor, nn
from torchvision.transforms import v2

from tunesmith.networks.classification_pyt.spec import Augmentation
from tunesmith.training.tasks.augment import SMALLEST_CROP, blurs, colours, flips, scaled_crops, turns

_SECTION = "dataset.augmentation"


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
    yield from scaled_crops(spec.with_scale_random_crop, size, _SECTION)
    if spec.with_random_crop:
        yield v2.RandomResizedCrop(size, (SMALLEST_CROP, 1.0), (1.0, 1.0), antialias=True)
    yield from flips(spec.random_flip)
    yield from turns(spec.random_rotate)


def _colours(spec: Augmentation, size: int) -> Iterator[nn.Module]:
    yield from colours(spec.random_color)
    if spec.with_random_blur:
        yield from blurs(size)
    if spec.random_aug.enable:
        yield v2.RandAugment()


def _function(transform: nn.Module) -> Callable[[Tensor], Tensor]:
    def apply(image: Tensor) -> Tensor:
        varied: Tensor = transform(image)
        return varied

    return apply
