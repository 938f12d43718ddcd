"""Cuts objects out of their images, each with a margin around its box."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tunesmith.data.images import open_rgb
from tunesmith.training.tasks.auto_labelling.samples import Box, Instance
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.memory import fits_in_memory

_MIRRORED = 0.5

Region = tuple[int, int, int, int]


class CropBatch(NamedTuple):
    """Objects, each cut out and scaled to one size.

    Attributes:
        crops: normalised, float32 (batch, 3, side, side).
        boxes: left, top, right, bottom in pixels of the crop, (batch, 4).
        regions: what was cut out, in pixels of the image; it may leave it. (batch, 4).
        masks: whether a pixel is inside, bool (batch, side, side); all false where that is not known.
        indices: which samples they are, (batch,).
    """

    crops: Tensor
    boxes: Tensor
    regions: Tensor
    masks: Tensor
    indices: Tensor


class CropSource:
    """Batches of objects.

    Args:
        samples: the objects.
        form: what crops look like.
        margins: least and most of what is cut out on each side of a box, as shares of its size.
        masks: whether masks are cut out too.
        varied: whether crops are mirrored at random.
    """

    def __init__(
        self,
        samples: Sequence[Instance],
        form: ImageFormat,
        margins: Sequence[float],
        *,
        masks: bool = False,
        varied: bool = False,
    ) -> None:
        self.samples, self._form, self._margins = samples, form, (margins[0], margins[1])
        self._masks, self._varied = masks, varied
        self._held: dict[object, Image.Image] = {}
        self._fill = tuple(round(255 * one) for one in form.mean)

    cheap = False

    def __len__(self) -> int:
        return len(self.samples)

    def hold(self, between: Callable[[], None]) -> None:
        """Load all images into memory, if they are few. `between` is called after each."""
        pictures = {sample.path: sample.picture for sample in self.samples}
        sizes = [one.source.data.annotated.images[one.place] for one in pictures.values()]
        if fits_in_memory(sum(3 * one.width * one.height for one in sizes)):
            for path in pictures:
                self._held[path] = open_rgb(path)
                between()

    def fetch(self, indices: Sequence[int]) -> CropBatch:
        """The batch of these objects.

        Raises:
            DatasetError: an image cannot be read.
        """
        rows = [self._cut(self.samples[index]) for index in indices]
        crops, boxes, regions, masks = (torch.stack(column) for column in zip(*rows, strict=True))
        return CropBatch(self._form.normalise(crops), boxes, regions, masks, torch.tensor(list(indices)))

    def _cut(self, sample: Instance) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        image = self._held.get(sample.path) or open_rgb(sample.path)
        region = self._region(sample.box)
        side = self._form.width
        crop = _cut_out(image, region, self._fill).resize((side, side), Image.Resampling.BILINEAR)
        mask = np.zeros((side, side), np.bool_)
        if self._masks:
            inside = _cut_out(Image.fromarray(sample.mask().astype(np.uint8)), region, 0)
            mask = np.asarray(inside.resize((side, side), Image.Resampling.NEAREST)) > 0
        pixels, box = torch.from_numpy(np.array(crop)).permute(2, 0, 1), _within(sample.box, region, side)
        inside_pixels = torch.from_numpy(mask.copy())
        if self._varied and float(torch.rand(())) < _MIRRORED:
            pixels, inside_pixels = pixels.flip(-1), inside_pixels.flip(-1)
            box = torch.stack([side - box[2], box[1], side - box[0], box[3]])
        return pixels, box, torch.tensor(region), inside_pixels

    def _region(self, box: Box) -> Region:
        left, top, right, bottom = box
        least, most = self._margins
        # Of the whole margin, one half on each side where nothing is drawn at random.
        shares = torch.empty(4).uniform_(least, most).tolist() if least < most else [least] * 4
        width, height = (right - left) / 2, (bottom - top) / 2
        return (
            int(np.floor(left - shares[0] * width)),
            int(np.floor(top - shares[1] * height)),
            int(np.ceil(right + shares[2] * width)),
            int(np.ceil(bottom + shares[3] * height)),
        )


def rasterise(boxes: Tensor, side: int, height: int, width: int) -> Tensor:
    """1 in the boxes of crops, at the size of a map: (batch, height, width).

    Args:
        boxes: left, top, right, bottom in pixels of the crop.
        side: of the crop in pixels.
        height: of the map.
        width: of the map.
    """
    device = boxes.device
    across = (torch.arange(width, device=device) + 0.5) * side / width
    down = (torch.arange(height, device=device) + 0.5) * side / height
    left, top, right, bottom = (one[:, None] for one in boxes.unbind(dim=1))
    columns = (across >= left) & (across <= right)
    rows = (down >= top) & (down <= bottom)
    return (rows[:, :, None] & columns[:, None, :]).float()


def _within(box: Box, region: Region, side: int) -> Tensor:
    """A box in pixels of the crop."""
    left, top, right, bottom = region
    scale = torch.tensor([side / (right - left), side / (bottom - top)] * 2)
    return (torch.tensor(box) - torch.tensor([left, top, left, top])) * scale


def _cut_out(image: Image.Image, region: Region, fill: int | tuple[int, ...]) -> Image.Image:
    """A part of an image; what lies beyond it is filled."""
    left, top, right, bottom = region
    inner = (max(0, left), max(0, top), min(image.width, right), min(image.height, bottom))
    if inner == region:
        return image.crop(region)
    whole = Image.new(image.mode, (right - left, bottom - top), fill)
    whole.paste(image.crop(inner), (inner[0] - left, inner[1] - top))
    return whole
