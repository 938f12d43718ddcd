"""Varies training images and their masks at random."""

from collections.abc import Iterator

from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from tunesmith.networks.segmentation import Variation
from tunesmith.training.tasks.augment import SMALLEST_CROP, blurs, colours, flips, scaled_crops, turns
from tunesmith.training.tasks.segmentation.images import Varied
from tunesmith.training.tasks.segmentation.labels import IGNORED

_FILL: dict[type, float] = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORED}


def build_variation(spec: Variation, size: int, section: str) -> Varied | None:
    """What changes an image (3, size, size) and its mask; None if nothing is enabled.

    What comes into the image from outside of it is black, and ignored in the mask.

    Args:
        spec: what is to be varied.
        size: the side of the images in pixels.
        section: where the keys are in the spec, for messages: "dataset.augmentation".

    Raises:
        SpecError: a value cannot be used; the message names the key.
    """
    steps = list(_steps(spec, size, section))
    if not steps:
        return None
    chain = v2.Compose(steps)

    def vary(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        varied, label = chain(tv_tensors.Image(image), tv_tensors.Mask(mask[None]))
        return varied.as_subclass(Tensor), label.as_subclass(Tensor)[0]

    return vary


def _steps(spec: Variation, size: int, section: str) -> Iterator[nn.Module]:
    yield from scaled_crops(spec.scaled_crop, size, section, _FILL)
    if spec.cropped:
        yield v2.RandomResizedCrop(size, (SMALLEST_CROP, 1.0), (1.0, 1.0), antialias=True)
    yield from flips(spec.flip)
    yield from turns(spec.turn, _FILL)
    yield from colours(spec.colour)
    if spec.blurred:
        yield from blurs(size)
