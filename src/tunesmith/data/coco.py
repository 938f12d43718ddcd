"""COCO's instances in memory: images, categories, and annotations as arrays with a row each."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.boxes import Boxes
from tunesmith.data.masks import Mask
from tunesmith.data.segments import Segments

ImageId = int | str


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image of the file. `name` is its file_name; width and height are 0 where the file does not say."""

    id: ImageId
    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Category:
    """A class. Ids may start anywhere and have gaps."""

    id: int
    name: str


@dataclass(frozen=True, eq=False)
class CocoSet:
    """What a file of instances holds. All arrays have a row an annotation, sorted by image.

    Attributes:
        categories: sorted by id: the index in it is the label to learn.
        places: where in the file's list of annotations each one is, from 0 on.
        ids: of the annotations; -1 where the file gives none.
        image_of: the index of its image.
        category_of: the index of its category.
        boxes: left, top, right, bottom in pixels.
        areas: of the mask, as the file has it, or else of the box; in square pixels.
        crowd: whether it stands for a crowd: neither to be found nor to be missed.
        segments: the masks; None if they were not read.
    """

    images: tuple[CocoImage, ...]
    categories: tuple[Category, ...]
    places: NDArray[np.int64]
    ids: NDArray[np.int64]
    image_of: NDArray[np.int64]
    category_of: NDArray[np.int64]
    boxes: Boxes
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    segments: Segments | None = None

    def __len__(self) -> int:
        return len(self.image_of)

    def rows(self, image: int) -> range:
        """The rows of the annotations of an image, which is given by its index."""
        return range(int(self._starts[image]), int(self._starts[image + 1]))

    def mask(self, row: int) -> Mask | None:
        """The pixels of an annotation in its image; None if it has no mask."""
        image = self.images[int(self.image_of[row])]
        return self.segments.mask(row, image.height, image.width) if self.segments else None

    def sizes(self) -> NDArray[np.int64]:
        """Width and height of the image of each annotation: shape (n, 2)."""
        sizes = np.array([(image.width, image.height) for image in self.images], np.int64).reshape(-1, 2)
        return sizes[self.image_of]

    def select(self, chosen: NDArray[Any]) -> "CocoSet":
        """The set with some of its rows alone: by their numbers, or by a mask of them."""
        rows = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return replace(
            self,
            places=self.places[rows],
            ids=self.ids[rows],
            image_of=self.image_of[rows],
            category_of=self.category_of[rows],
            boxes=self.boxes[rows],
            areas=self.areas[rows],
            crowd=self.crowd[rows],
            segments=self.segments.select(rows) if self.segments else None,
        )

    def per_category(self) -> dict[str, int]:
        """How many annotations each category has, by its name."""
        counts = np.bincount(self.category_of, minlength=len(self.categories))
        return {one.name: int(count) for one, count in zip(self.categories, counts, strict=True)}

    @cached_property
    def _starts(self) -> NDArray[np.intp]:
        return np.searchsorted(self.image_of, np.arange(len(self.images) + 1))
