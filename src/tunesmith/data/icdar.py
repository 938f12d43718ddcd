"""Text detection datasets: images, and the quadrilaterals around their texts, as ICDAR 2015 writes them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.lines import read_lines
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.stems import Stems, by_stem

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
IGNORED = frozenset({"###", "*"})
_LARGEST = 1e6
_SMALLEST_AREA = 1.0
_REMEDY = "Write x1,y1,x2,y2,x3,y3,x4,y4,text for each text, the corners in pixels."

Point = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """A text in an image: its four corners in order, in pixels from the top left corner, and what it says.

    Attributes:
        line: where it stands in its file.
    """

    corners: tuple[Point, ...]
    text: str
    line: int

    @property
    def ignored(self) -> bool:
        """Whether it is neither to be found nor to be missed: nobody can read it."""
        return self.text in IGNORED

    @property
    def area(self) -> float:
        """In square pixels."""
        following = (*self.corners[1:], self.corners[0])
        doubled = sum(x * v - u * y for (x, y), (u, v) in zip(self.corners, following, strict=True))
        return abs(doubled) / 2

    @property
    def usable(self) -> bool:
        """Whether it covers anything: what has no area is left out."""
        return self.area >= _SMALLEST_AREA

    def reach(self, width: int, height: int) -> float:
        """By how many pixels a corner lies outside an image of this size."""
        return max(max(-x, -y, x - width, y - height, 0.0) for x, y in self.corners)

    def within(self, width: int, height: int) -> "Region":
        """The region with its corners moved to the edge of an image of this size, where they lie outside."""
        moved = tuple((min(max(x, 0.0), width), min(max(y, 0.0), height)) for x, y in self.corners)
        return replace(self, corners=moved)


@dataclass(frozen=True)
class TextImage:
    """An image and the file that says where its texts are."""

    path: Path
    regions: Path


class IcdarData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, pulled: Path) -> "IcdarData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def splits(self) -> tuple[Split, ...]:
        """The splits that are here."""
        return tuple(split for split in SPLITS if (self._folder.extracted / split).is_dir())

    def images(self, split: Split) -> Stems:
        """The images of a split. Those of test/img.tar.gz belong to the split test."""
        return by_stem(filter(is_image, self._files(split)))

    def labels(self, split: Split) -> Stems:
        """The files gt_<stem>.txt of a split."""
        return by_stem((path for path in self._files(split) if path.suffix.lower() == ".txt"), "gt_")

    def samples(self, split: Split) -> list[TextImage]:
        """The images of a split that have regions, sorted; of the only split, if this one is not here.

        Raises:
            DatasetError: there is none.
        """
        here = self.splits()
        chosen = split if split in here or not here else here[0]
        images, labels = self.images(chosen).by_stem, self.labels(chosen).by_stem
        found = [TextImage(path, labels[stem]) for stem, path in images.items() if stem in labels]
        if not found:
            raise DatasetError(f"{chosen}.tar.gz holds no image with regions; add img/ and gt/ to it.")
        return found

    def _files(self, split: Split) -> list[Path]:
        folder = self._folder.extracted / split
        return list(files_below(folder)) if folder.is_dir() else []


def read_regions(path: Path) -> list[Region]:
    """The texts of an image, without those that cover nothing.

    Raises:
        FileFlawError: the file is no text, or a line has no eight numbers.
    """
    return [region for region in all_regions(path) if region.usable]


def visible(regions: Iterable[Region], width: int, height: int) -> list[Region]:
    """The regions in an image of this size, cut at its edges, without those outside it."""
    return [cut for region in regions if (cut := region.within(width, height)).usable]


def all_regions(path: Path) -> list[Region]:
    """The texts of an image. Raises as `read_regions`."""
    return [_region(path, number, line) for number, line in read_lines(path)]


def _region(path: Path, number: int, line: str) -> Region:
    cells = line.lstrip("\ufeff").split(",", 8)
    try:
        values = [float(cell) for cell in cells[:8]]
    except ValueError:
        values = []
    if len(values) < 8 or not all(math.isfinite(value) and abs(value) <= _LARGEST for value in values):
        raise FileFlawError(path.name, f"has no eight (sensible) numbers in line {number}", _REMEDY)
    corners = tuple((values[place], values[place + 1]) for place in range(0, 8, 2))
    return Region(corners, cells[8].strip() if len(cells) > 8 else "", number)
