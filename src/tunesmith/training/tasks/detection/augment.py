"""Makes transforms of a network's steps: they change an image and its boxes together."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from tunesmith.networks.detection import (
    Distort,
    Either,
    Flip,
    IouCrop,
    Jitter,
    Resize,
    ScaleJitter,
    ShortestSide,
    SizedCrop,
    Step,
    Translate,
    ZoomOut,
)

_GREY = 128  # what a moved image leaves free

SMALLEST_SIDE = 1.0
"""Of a box in pixels, after the image was varied: what is smaller was cut away."""

_JITTER = (0.1, 2.0)  # large-scale jitter of Ghiasi et al. 2021


def build_steps(steps: Sequence[Step]) -> nn.Module:
    """The transform of a sample: a dictionary with image, boxes and labels."""
    chain: nn.Module = v2.Compose([_transform(step) for step in steps] or [v2.Identity()])
    return chain


def size_for(step: Resize | ShortestSide, height: int, width: int) -> tuple[int, int]:
    """Height and width that an image of some size has after it was sized, without what fills it up."""
    if isinstance(step, Resize):
        if not step.keep_aspect:
            return step.height, step.width
        scale = min(step.height / height, step.width / width)
        return max(1, min(step.height, round(height * scale))), max(1, min(step.width, round(width * scale)))
    scale = min(step.sizes[0] / min(height, width), step.longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def keep_visible(sample: dict[str, Any]) -> dict[str, Any]:
    """The sample without boxes that are cut away, the others cut at the edges of the image."""
    boxes = functional.clamp_bounding_boxes(sample["boxes"]) if len(sample["boxes"]) else sample["boxes"]
    sides = boxes[:, 2:] - boxes[:, :2]
    kept = (sides >= SMALLEST_SIDE).all(dim=1)
    seen = {"boxes": tv_tensors.wrap(boxes[kept], like=boxes), "labels": sample["labels"][kept]}
    if "masks" in sample:
        seen["masks"] = tv_tensors.wrap(sample["masks"][kept], like=sample["masks"])
    return sample | seen


class Sized(nn.Module):
    """Scales as a step says, one of its sizes at random."""

    def __init__(self, step: Resize | ShortestSide) -> None:
        super().__init__()
        self._step = step

    def forward(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The sample in its new size."""
        step = self._step
        if isinstance(step, ShortestSide):
            chosen = step.sizes[int(torch.randint(len(step.sizes), ()))]
            step = ShortestSide((chosen,), step.longest)
        size = list(size_for(step, *sample["image"].shape[-2:]))
        shown = {key: functional.resize(value, size) for key, value in sample.items() if key != "labels"}
        return shown | {"labels": sample["labels"]}


class CutOut(nn.Module):
    """Cuts out a part of random size. Boxes that it cuts away are dropped."""

    def __init__(self, step: SizedCrop) -> None:
        super().__init__()
        self._step = step

    def forward(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The part."""
        height, width = sample["image"].shape[-2:]
        tall, wide = (self._side(height), self._side(width))
        top, left = _below(height - tall + 1), _below(width - wide + 1)
        return _cut(sample, top, left, tall, wide)

    def _side(self, most: int) -> int:
        low = min(self._step.smallest, most)
        return low + _below(min(self._step.largest, most) - low + 1)


class Jittered(nn.Module):
    """Scales by a random factor, and cuts a part of the size asked for out of what is larger."""

    def __init__(self, step: ScaleJitter) -> None:
        super().__init__()
        self._step = step

    def forward(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The sample in a new size, no side longer than asked for."""
        step = self._step
        factor = step.smallest + (step.largest - step.smallest) * float(torch.rand(()))
        fitted = Resize(round(step.height * factor), round(step.width * factor), keep_aspect=True)
        scaled = Sized(fitted)(sample)
        height, width = scaled["image"].shape[-2:]
        tall, wide = min(height, step.height), min(width, step.width)
        return _cut(scaled, _below(height - tall + 1), _below(width - wide + 1), tall, wide)


class BoxCrop(nn.Module):
    """torchvision's crop by overlap, where there is a box to overlap."""

    def __init__(self) -> None:
        super().__init__()
        self._crop = v2.RandomIoUCrop()

    def forward(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The part of the sample."""
        if not len(sample["boxes"]):
            return sample
        cropped: dict[str, Any] = self._crop(sample)
        return keep_visible(cropped)


def _transform(step: Step) -> Any:
    match step:
        case Distort(probability):
            return v2.RandomApply([v2.RandomPhotometricDistort(p=0.5)], probability)
        case ZoomOut(probability):
            return v2.RandomZoomOut(fill=0, p=probability)
        case IouCrop(probability):
            return v2.RandomApply([BoxCrop()], probability)
        case Flip(probability):
            return v2.RandomHorizontalFlip(probability)
        case Either(first, second):
            return v2.RandomChoice([build_steps(first), build_steps(second)])
        case Jitter(side):
            return v2.ScaleJitter((side, side), _JITTER)
        case SizedCrop():
            return CutOut(step)
        case ScaleJitter():
            return Jittered(step)
        case Translate(share, probability):
            moved = v2.RandomAffine(degrees=0, translate=(share, share), fill=_GREY)
            return v2.RandomApply([moved], probability)
        case _:
            return Sized(step)


def _cut(sample: dict[str, Any], top: int, left: int, height: int, width: int) -> dict[str, Any]:
    """A part of the sample. Boxes that it cuts away are dropped."""
    part = {
        key: functional.crop(value, top, left, height, width)
        for key, value in sample.items()
        if key != "labels"
    }
    return keep_visible(part | {"labels": sample["labels"]})


def _below(limit: int) -> int:
    return int(torch.randint(max(1, limit), ()))


def as_sample(image: Tensor, boxes: Tensor, labels: Tensor, masks: Tensor | None = None) -> dict[str, Any]:
    """An image (3, height, width) with boxes (n, 4) by corners and their masks, for the transforms."""
    size = (image.shape[-2], image.shape[-1])
    framed = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=size)  # type: ignore[call-overload, unused-ignore]
    sample = {"image": tv_tensors.Image(image), "boxes": framed, "labels": labels}
    return sample if masks is None else sample | {"masks": tv_tensors.Mask(masks)}
