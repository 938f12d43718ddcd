"""Datasets in ODVG format: boxes of classes, or of phrases in captions."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.masks import Mask
from tunesmith.data.odvg import OdvgData
from tunesmith.data.odvg_reading import OdvgImage
from tunesmith.training.tasks.detection.annotations import Caption, DetectionSample, Objects, numbers_of


@dataclass(frozen=True, eq=False)
class OdvgAnnotated:
    """A dataset in ODVG format. Loading processes share the arrays; masks are read from the file.

    Attributes:
        name: of the dataset.
        data: the file, and the names of the classes by their ids.
        paths: the files of the images.
        images: their names, widths, heights and captions, without objects.
        starts: (images + 1,) where each image's objects begin.
        boxes: (objects, 4) left, top, right, bottom in pixels.
        labels: (objects,) indices of the dataset's classes, or of the phrases of the image's caption.
        spans: of each image the places of its phrases in its caption; None where classes are detected.
        numbering: the label of each class; None counts them in the order of their ids.
    """

    name: str
    data: OdvgData
    paths: tuple[Path, ...]
    images: tuple[OdvgImage, ...]
    starts: NDArray[np.int64]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    captions: tuple[Caption | None, ...]
    numbering: NDArray[np.int64] | None = None

    @classmethod
    def open(cls, name: str, pulled: Path, *, masks: bool = False) -> "OdvgAnnotated":
        """The dataset in the cache folder of a finished pull. If `masks`, objects without one are left out.

        Raises:
            DatasetError: it cannot be used.
        """
        data = OdvgData.open(pulled, masks=masks)
        index = {label: place for place, label in enumerate(sorted(data.labels))}
        paths, images, captions, boxes, labels, counts = [], [], [], [], [], [0]
        for place in range(len(data)):
            sample = data[place]
            image = sample.image
            phrases = list(dict.fromkeys(one.spans for one in image.objects))
            paths.append(sample.path)
            images.append(replace(image, objects=()))
            captions.append(None if image.caption is None else Caption(image.caption, tuple(phrases)))
            boxes += [one.box for one in image.objects]
            labels += [
                phrases.index(one.spans) if one.label is None else index[one.label] for one in image.objects
            ]
            counts.append(len(image.objects))
        return cls(
            name,
            data,
            tuple(paths),
            tuple(images),
            np.cumsum(np.array(counts, np.int64)),
            np.array(boxes, np.float64).reshape(-1, 4),
            np.array(labels, np.int64),
            tuple(captions),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the label map, in the order of their ids; none where all lines are grounded."""
        return tuple(self.data.labels[label] for label in self.category_ids)

    @property
    def category_ids(self) -> tuple[int, ...]:
        """The ids of the label map, sorted."""
        return tuple(sorted(self.data.labels))

    def size(self, place: int) -> tuple[int, int]:
        """Width and height of an image in pixels."""
        return self.images[place].width, self.images[place].height

    def objects(self, place: int) -> Objects:
        """What is in an image."""
        part = slice(int(self.starts[place]), int(self.starts[place + 1]))
        boxes, labels, caption = self.boxes[part], self.labels[part], self.captions[place]
        if self.numbering is not None and caption is None:
            labels = self.numbering[labels]
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        return Objects(boxes, labels, np.zeros(len(labels), np.bool_), areas, caption)

    def masks(self, place: int) -> list[Mask | None]:
        """The pixels of its objects, if it was opened with masks."""
        image = self.data[place].image
        return [image.mask(one) for one in image.objects]

    def samples(self) -> list[DetectionSample]:
        """All images, those without objects too; they are numbered from 1."""
        return [
            DetectionSample(path, image.name, place + 1, self, place)
            for place, (path, image) in enumerate(zip(self.paths, self.images, strict=True))
        ]

    def numbered(self, classes: tuple[str, ...]) -> "OdvgAnnotated":
        """The same with labels that are indices of `classes`, which hold its own."""
        return replace(self, numbering=numbers_of(self.classes, classes))
