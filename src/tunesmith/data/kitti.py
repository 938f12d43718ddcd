"""KITTI's labels of objects in images: a file of lines an image, 15 columns, a score as a 16th."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tunesmith.data.boxes import Boxes, fit
from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.image_tree import files_below
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.stems import Stems, by_stem
from tunesmith.data.text_files import printable, read_text

IGNORED = "DontCare"
IMAGES, LABELS = "images.tar.gz", "labels.tar.gz"
_COLUMNS = "type truncated occluded alpha left top right bottom height width length x y z rotation"
_LONGEST_NAME = 100
_LARGEST = 1e6
_REMEDY = f"Write a line an object with the columns: {_COLUMNS}."


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a label file: its number, the class, and the 14 or 15 numbers that follow."""

    number: int
    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class KittiObject:
    """An object in an image.

    Attributes:
        truncated: how much of it leaves the image, 0 to 1.
        occluded: 0 visible, 1 partly, 2 largely occluded, 3 unknown.
        box: left, top, right, bottom in pixels.
        line: where it stands in its file.
        score: of a prediction.
    """

    name: str
    truncated: float
    occluded: int
    box: tuple[float, float, float, float]
    line: int
    score: float | None = None

    @property
    def ignored(self) -> bool:
        """Whether it is neither to be found nor to be missed."""
        return self.name.lower() == IGNORED.lower()


def read_rows(path: Path) -> Iterator[Row]:
    """The lines of a label file.

    Raises:
        FileFlawError: it is no text, a line has other columns, or a value is no number.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield _row(path, number, line)


def read_boxes(path: Path) -> list[KittiObject]:
    """The objects of a label file, as written: boxes may be upside down or leave the image.

    Raises:
        FileFlawError: as `read_rows`.
    """
    return [_object(row) for row in read_rows(path)]


def boxes_of(objects: list[KittiObject]) -> Boxes:
    """Their boxes as an array, a row each."""
    return np.array([one.box for one in objects], np.float64).reshape(-1, 4)


def visible(objects: list[KittiObject], width: int, height: int) -> list[KittiObject]:
    """The objects in an image of this size, cut at its edges, without those that cover nothing of it."""
    fitted = fit(boxes_of(objects), np.array([width, height]))
    cut = ((one, tuple(box)) for one, box in zip(objects, fitted.boxes.tolist(), strict=True))
    return [replace(one, box=box) for (one, box), kept in zip(cut, fitted.kept, strict=True) if kept]


@dataclass(frozen=True)
class LabelledImage:
    """An image and its label file."""

    path: Path
    labels: Path


class KittiData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._labels_folder = folder.extracted / "labels"
        self.files = ImageFiles(folder.extracted / "images")

    @classmethod
    def open(cls, pulled: Path) -> "KittiData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    @cached_property
    def images(self) -> Stems:
        """The images by stem."""
        return by_stem(self.files.paths)

    @cached_property
    def labels(self) -> Stems:
        """The label files by stem."""
        files = files_below(self._labels_folder) if self._labels_folder.is_dir() else ()
        return by_stem(path for path in files if path.suffix.lower() == ".txt")

    def samples(self) -> list[LabelledImage]:
        """The images that have a label file, sorted by stem. An empty file says that nothing is to be found.

        Raises:
            DatasetError: there is none.
        """
        images, labels = self.images.by_stem, self.labels.by_stem
        found = [LabelledImage(path, labels[stem]) for stem, path in images.items() if stem in labels]
        if not found:
            raise DatasetError(
                f"{LABELS} holds no label file of an image of {IMAGES}; add labels/<stem>.txt."
            )
        return found


def _row(path: Path, number: int, line: str) -> Row:
    name, *columns = line.split()
    if len(columns) not in (14, 15) or len(name) > _LONGEST_NAME:
        fault = f"has {len(columns) + 1} columns in line {number}, not a class and 14 or 15 numbers"
        raise FileFlawError(path.name, fault, _REMEDY)
    try:
        values = tuple(float(column) for column in columns)
    except ValueError:
        values = (math.nan,)
    if not all(abs(value) <= _LARGEST for value in values):
        raise FileFlawError(path.name, f"has a value that is no (sensible) number in line {number}", _REMEDY)
    return Row(number, printable(name), values)


def _object(row: Row) -> KittiObject:
    truncated, occluded, _, left, top, right, bottom = row.values[:7]
    score = row.values[14] if len(row.values) > 14 else None
    return KittiObject(row.name, truncated, int(occluded), (left, top, right, bottom), row.number, score)
