"""Varies training images and their masks at random, as the spec's section augmentation says."""

from collections.abc import Iterator

from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from tunesmith.networks.segformer.spec import Augmentation
from tunesmith.training.tasks.augment import SMALLEST_CROP, blurs, colours, flips, scaled_crops, turns
from tunesmith.training.tasks.segmentation.images import Varied
from tunesmith.training.tasks.segmentation.labels import IGNORED

_SECTION = "dataset.segment.augmentation"
_FILL: dict[type, float] = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORED}


def build_variation(spec: Augmentation, size: int) -> Varied | None:
    """What changes an image (3, size, size) and its mask; None if nothing is enabled.

    What comes into the image from outside of it is black, and ignored in the mask.

    Raises:
        SpecError: a value cannot be used; the message names the key.
    """
    steps = list(_steps(spec, size))
    if not steps:
        return None
    chain = v2.Compose(steps)

    def vary(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        varied, label = chain(tv_tensors.Image(image), tv_tensors.Mask(mask[None]))
        return varied.as_subclass(Tensor), label.as_subclass(Tensor)[0]

    return vary


def _steps(spec: Augmentation, size: int) -> Iterator[nn.Module]:
    yield from scaled_crops(spec.with_scale_random_crop, size, _SECTION, _FILL)
    if spec.with_random_crop:
        yield v2.RandomResizedCrop(size, (SMALLEST_CROP, 1.0), (1.0, 1.0), antialias=True)
    yield from flips(spec.random_flip)
    yield from turns(spec.random_rotate, _FILL)
    yield from colours(spec.random_color)
    if spec.with_random_blur:
        yield from blurs(size)
