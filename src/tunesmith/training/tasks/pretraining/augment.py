"""Varies training images at random, as the spec's section dataset.augmentation says."""

from collections.abc import Callable, Iterator

import torch
from timm.data.auto_augment import (
    augment_and_mix_transform,
    auto_augment_transform,
    rand_augment_transform,
)
from timm.data.mixup import Mixup
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import pil_to_tensor, to_pil_image

from tunesmith.networks.mae.spec import Augmentation
from tunesmith.specs import SpecError, SpecProblem

_SECTION = "dataset.augmentation"
_WAYS = {
    "bilinear": (InterpolationMode.BILINEAR,),
    "bicubic": (InterpolationMode.BICUBIC,),
    "random": (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC),
}
_CHAINS = {
    "rand": rand_augment_transform,
    "augmix": augment_and_mix_transform,
    "original": auto_augment_transform,
    "originalr": auto_augment_transform,
    "v0": auto_augment_transform,
    "v0r": auto_augment_transform,
    "3a": auto_augment_transform,
}

Varied = Callable[[Tensor], Tensor]
Mixed = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class AutoAugment(nn.Module):
    """A random chain of timm's on one uint8 image (3, height, width).

    Raises:
        SpecError: timm knows no such chain.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        first = text.split("-", maxsplit=1)[0]
        if first not in _CHAINS:
            rule = f"must begin with one of {', '.join(_CHAINS)}, or be empty"
            raise SpecError([SpecProblem(f"{_SECTION}.auto_aug", rule, text)])
        try:
            self._chain = _CHAINS[first](text, {})
        except (AssertionError, ValueError, TypeError, KeyError, IndexError) as error:
            reason = str(error) or "it cannot be read"
            rule = f"must be a chain as timm writes it ({reason})"
            raise SpecError([SpecProblem(f"{_SECTION}.auto_aug", rule, text)]) from error

    def forward(self, image: Tensor) -> Tensor:
        """The image, changed."""
        varied: Tensor = pil_to_tensor(self._chain(to_pil_image(image)))
        return varied


def pretraining_variation(spec: Augmentation) -> Varied:
    """What changes one uint8 image (3, side, side): a part of it is cut out, and it may be mirrored.

    Raises:
        SpecError: with everything that cannot be used.
    """
    if found := list(problems(spec)):
        raise SpecError(found)
    return _function([*_geometry(spec)])


def finetuning_variation(spec: Augmentation) -> Varied:
    """The same, with colours and a chain of augmentations."""
    steps = [*_geometry(spec)]
    if spec.color_jitter:
        steps.append(v2.ColorJitter(spec.color_jitter, spec.color_jitter, spec.color_jitter))
    if spec.auto_aug:
        steps.append(AutoAugment(spec.auto_aug))
    return _function(steps)


def erasing(spec: Augmentation) -> Varied | None:
    """What blanks a rectangle of one normalised image with the mean colour; None if disabled."""
    return _function([v2.RandomErasing(spec.re_prob)]) if spec.re_prob else None


def mixing(spec: Augmentation, classes: int) -> Mixed | None:
    """What mixes the images of a batch; None if disabled.

    It takes images and class indices (batch,), and returns images and class weights (batch, classes).
    """
    if not (spec.mixup or spec.cutmix or spec.cutmix_minmax is not None) or not spec.mixup_prob:
        return None
    small = spec.cutmix_minmax
    mixer = Mixup(  # type: ignore[no-untyped-call]
        mixup_alpha=spec.mixup,
        cutmix_alpha=spec.cutmix,
        cutmix_minmax=None if small is None else sorted((small, 1 - small)),
        prob=spec.mixup_prob,
        switch_prob=spec.mixup_switch_prob,
        mode=spec.mixup_mode,
        label_smoothing=0.0,
        num_classes=classes,
    )

    def mix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        even = len(images) - len(images) % 2  # the last of an odd number has no partner
        weights = one_hot(labels, classes).float()
        if not even:
            return images, weights
        mixed, mixed_weights = mixer(images[:even].clone(), labels[:even])
        return torch.cat([mixed, images[even:]]), torch.cat([mixed_weights, weights[even:]])

    return mix


def problems(spec: Augmentation) -> Iterator[SpecProblem]:
    """What cannot be used."""
    if not 0 < spec.min_scale <= spec.max_scale:
        rule = "must be above 0 and at most max_scale"
        yield SpecProblem(f"{_SECTION}.min_scale", rule, spec.min_scale)
    if not 0 < spec.min_ratio <= spec.max_ratio:
        rule = "must be above 0 and at most max_ratio"
        yield SpecProblem(f"{_SECTION}.min_ratio", rule, spec.min_ratio)
    for name in ("hflip", "re_prob", "smoothing", "mixup_prob", "mixup_switch_prob"):
        if not 0 <= (value := getattr(spec, name)) <= 1:
            yield SpecProblem(f"{_SECTION}.{name}", "must be from 0 to 1", value)
    for name in ("color_jitter", "mixup", "cutmix"):
        if (value := getattr(spec, name)) < 0:
            yield SpecProblem(f"{_SECTION}.{name}", "must be at least 0", value)
    small = spec.cutmix_minmax
    if small is not None and not 0 < small < 1:
        yield SpecProblem(f"{_SECTION}.cutmix_minmax", "must be above 0 and below 1", small)


def _geometry(spec: Augmentation) -> Iterator[nn.Module]:
    scales, ratios = (spec.min_scale, spec.max_scale), (spec.min_ratio, spec.max_ratio)
    ways = [
        v2.RandomResizedCrop(spec.input_size, scales, ratios, interpolation=way, antialias=True)
        for way in _WAYS[spec.interpolation]
    ]
    yield ways[0] if len(ways) == 1 else v2.RandomChoice(ways)
    if spec.hflip:
        yield v2.RandomHorizontalFlip(spec.hflip)


def _function(steps: list[nn.Module]) -> Varied:
    chain = v2.Compose(steps)

    def apply(image: Tensor) -> Tensor:
        varied: Tensor = chain(image)
        return varied

    return apply
