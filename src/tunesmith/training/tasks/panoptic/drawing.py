"""Draws segments over images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from tunesmith.data.draw import Tile, grid
from tunesmith.networks.layers.masker import Entry
from tunesmith.training.tasks.panoptic.merging import NOTHING
from tunesmith.training.tasks.segmentation.drawing import overlay
from tunesmith.training.tasks.segmentation.labels import IGNORED

_COLUMNS, _TILE, _TILES = 6, 160, 24
_EDGE = (255, 255, 255)


def tinted(image: Image.Image, labels: Tensor, entries: Sequence[Entry], places: Tensor) -> Image.Image:
    """The image with each pixel tinted by its class, and a white line between segments.

    Args:
        image: RGB.
        labels: the class of each pixel, NOTHING where there is none: (height, width) of the image.
        entries: the classes.
        places: the segment of each pixel, 0 where there is none.
    """
    ids = labels.numpy()
    shades = dict(enumerate(one.colour for one in entries))
    used = np.unique(ids)
    known = [one for one in used.tolist() if one != NOTHING]
    index = np.full(max(len(entries), 1) + 1, IGNORED, np.int64)  # the last entry is that of NOTHING
    index[known] = np.arange(len(known)) % IGNORED
    picture = overlay(image, index[ids], [shades[one] for one in known][:IGNORED])
    pixels = np.asarray(picture).copy()
    pixels[edges(places)] = _EDGE
    return Image.fromarray(pixels)


def edges(places: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Where one segment ends and another one begins: (height, width)."""
    found = places.numpy()
    edge = np.zeros(found.shape, np.bool_)
    edge[:, 1:] |= found[:, 1:] != found[:, :-1]
    edge[1:] |= found[1:] != found[:-1]
    return edge


def named(image: Image.Image, captions: Sequence[tuple[tuple[int, int], str]]) -> Image.Image:
    """The image with words on it, each at its place in pixels."""
    pen = ImageDraw.Draw(image)
    for place, text in captions:
        left, top, right, bottom = pen.textbbox(place, text)
        pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=(0, 0, 0))
        pen.text(place, text, fill=(255, 255, 255))
    return image


class Overview:
    """Collects tiles of images from all over a set, and writes them as one picture.

    Args:
        total: how many images there are.
    """

    def __init__(self, total: int) -> None:
        self._stride = max(1, -(-total // _TILES))
        self._tiles: list[Tile] = []

    def wants(self, index: int) -> bool:
        """Whether the image of this index is shown."""
        return index % self._stride == 0

    def add(self, *tiles: Tile) -> None:
        """Show these."""
        self._tiles += tiles

    def write(self, path: Path) -> None:
        """Write the picture, if there is anything to show."""
        if self._tiles:
            grid(self._tiles, _COLUMNS, _TILE).save(path)
