"""Images and what is known of them, whatever format tells it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.coco_data import CocoData
from tunesmith.data.masks import Mask

Span = tuple[int, int]
"""First and last character, the last excluded."""


class Caption(NamedTuple):
    """A text about an image, whose phrases are its classes.

    Attributes:
        text: of the image.
        phrases: where the text names each of them.
    """

    text: str
    phrases: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True)
class Objects:
    """What is known of an image, with a row an object.

    Attributes:
        boxes: (n, 4) left, top, right, bottom in pixels of the upright image.
        labels: (n,) indices of classes, or of phrases where there is a caption.
        crowd: (n,) whether it stands for a crowd, neither to be found nor to be missed.
        areas: (n,) in square pixels, as the annotations have them.
        caption: the text that names the objects; None where classes do.
    """

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    areas: NDArray[np.float64]
    caption: Caption | None = None

    def __len__(self) -> int:
        return len(self.labels)


NOTHING = Objects(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0))


class Annotations(Protocol):
    """A dataset with boxes."""

    @property
    def name(self) -> str:
        """Of the dataset."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its own classes."""
        ...

    @property
    def category_ids(self) -> tuple[int, ...]:
        """The ids that it gives its classes, in their order."""
        ...

    def size(self, place: int) -> tuple[int, int]:
        """Width and height of an image in pixels."""
        ...

    def objects(self, place: int) -> Objects:
        """What is in an image."""
        ...

    def masks(self, place: int) -> list[Mask | None]:
        """The pixels of its objects, if it was opened with masks."""
        ...

    def samples(self) -> list["DetectionSample"]:
        """All images, those without objects too."""
        ...

    def numbered(self, classes: tuple[str, ...]) -> "Annotations":
        """The same with labels that are indices of `classes`, which hold its own."""
        ...


@dataclass(frozen=True)
class Annotated:
    """A dataset in COCO format, whose arrays loading processes share.

    Attributes:
        name: of the dataset.
        data: images and annotations.
        numbering: the label of each of its classes; None counts them in their order.
    """

    name: str
    data: CocoData
    numbering: NDArray[np.int64] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The categories' names, in the order of their ids, which may have gaps."""
        return tuple(one.name for one in self.data.annotated.categories)

    @property
    def category_ids(self) -> tuple[int, ...]:
        """The categories' ids, in the order of the classes."""
        return tuple(one.id for one in self.data.annotated.categories)

    def size(self, place: int) -> tuple[int, int]:
        """Width and height of an image in pixels."""
        image = self.data.annotated.images[place]
        return image.width, image.height

    def objects(self, place: int) -> Objects:
        """What is in an image."""
        found = self.data.annotated
        rows = found.rows(place)
        part = slice(rows.start, rows.stop)
        labels = found.category_of[part]
        if self.numbering is not None:
            labels = self.numbering[labels]
        return Objects(found.boxes[part], labels, found.crowd[part], found.areas[part])

    def masks(self, place: int) -> list[Mask | None]:
        """The pixels of its objects, if it was opened with masks."""
        return [self.data.annotated.mask(row) for row in self.data.annotated.rows(place)]

    def samples(self) -> list["DetectionSample"]:
        """All images, those without objects too."""
        images = zip(self.data.paths, self.data.annotated.images, strict=True)
        return [
            DetectionSample(path, image.name, image.id, self, index)
            for index, (path, image) in enumerate(images)
        ]

    def numbered(self, classes: tuple[str, ...]) -> "Annotated":
        """The same with labels that are indices of `classes`, which hold its own."""
        return Annotated(self.name, self.data, numbers_of(self.classes, classes))


@dataclass(frozen=True)
class DetectionSample:
    """An image.

    Attributes:
        path: the file.
        name: as its dataset calls it.
        image_id: COCO's, or the image's number where nothing is annotated.
        source: the dataset that knows its objects; None where nothing is known.
        place: the image's index in that dataset.
    """

    path: Path
    name: str
    image_id: int | str
    source: Annotations | None = None
    place: int = 0

    def objects(self) -> Objects:
        """What is in the image; nothing where nothing is known."""
        return self.source.objects(self.place) if self.source else NOTHING

    def masks(self) -> list[Mask | None]:
        """The pixels of its objects."""
        return self.source.masks(self.place) if self.source else []

    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels; None where nothing is known."""
        return self.source.size(self.place) if self.source else None


def numbers_of(own: tuple[str, ...], classes: tuple[str, ...]) -> NDArray[np.int64]:
    """The index in `classes` of each class of a dataset."""
    return np.array([classes.index(name) for name in own], np.int64)
