"""Draws masks over images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from tunesmith.data.draw import Tile, grid
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.segmentation.labels import IGNORED, Colour

_STRENGTH = 0.55
_COLUMNS, _TILE = 6, 160
_OVERVIEW = 24
_MOST_SHEETS = 100


def overlay(image: Image.Image, mask: NDArray[np.integer], colours: Sequence[Colour]) -> Image.Image:
    """The image with each pixel tinted by its class; what is ignored stays as it is.

    Args:
        image: RGB.
        mask: classes, height x width of the image.
        colours: of the classes.
    """
    table = np.zeros((IGNORED + 1, 3), np.float32)
    table[: len(colours)] = np.reshape(colours, (-1, 3))
    share = np.where(mask == IGNORED, 0.0, _STRENGTH)[..., None]
    mixed = np.asarray(image, np.float32) * (1 - share) + table[mask] * share
    return Image.fromarray(mixed.round().astype(np.uint8))


class Sheets:
    """Draws every n-th batch as a sheet of tinted images, and an overview of images from all over the set.

    Args:
        form: what the images look like.
        colours: of the classes.
        every: a sheet each so many batches; a hundred sheets at most.
        total: how many samples there are.
        folder: where sheets go, into `annotated`.
    """

    def __init__(
        self, form: ImageFormat, colours: Sequence[Colour], every: int, total: int, folder: Path
    ) -> None:
        self._form, self._colours, self._every, self._folder = form, colours, every, folder
        self._stride = -(-total // _OVERVIEW)
        self._overview: list[Tile] = []
        self._batches = self._drawn = 0

    def add(
        self, indices: Sequence[int], images: Tensor, drawn: Sequence[Sequence[tuple[Tensor, str]]]
    ) -> None:
        """Take in a batch.

        Args:
            indices: which samples they are.
            images: normalised, (batch, channels, height, width).
            drawn: of each image, what to draw over it: masks (height, width) with their captions.
        """
        self._batches += 1
        draws = bool(indices) and self._batches % self._every == 0 and self._drawn < _MOST_SHEETS
        sheet: list[Tile] = []
        for index, image, masks in zip(indices, images, drawn, strict=True):
            shown = index % self._stride == 0
            if draws or shown:
                tiles = self._tiles(image, masks)
                sheet += tiles
                self._overview += tiles if shown else []
        if draws:
            self._drawn += 1
            target = self._folder / "annotated" / f"batch_{self._batches:04d}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            grid(sheet, _COLUMNS, _TILE).save(target)

    def write_overview(self, name: str) -> None:
        """Write the overview to a file of that name."""
        if self._overview:
            grid(self._overview, _COLUMNS, _TILE).save(self._folder / name)

    def _tiles(self, image: Tensor, masks: Sequence[tuple[Tensor, str]]) -> list[Tile]:
        picture = to_pil_image(self._form.restore(image.cpu())).convert("RGB")
        return [Tile(overlay(picture, mask.cpu().numpy(), self._colours), name) for mask, name in masks]
