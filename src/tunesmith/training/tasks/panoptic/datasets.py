"""Datasets with segments: COCO's panoptic ones and COCO's instances. Masks are made item by item."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.coco_data import CocoData
from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.image_tree import image_tree
from tunesmith.data.label_maps import LabelEntry, read_label_map
from tunesmith.data.panoptic import read_panoptic
from tunesmith.data.panoptic_data import PanopticData
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.types import DatasetFormat
from tunesmith.networks.layers.masker import Entry
from tunesmith.networks.panoptic import Mode, Reading, Use
from tunesmith.protocol import DatasetInput
from tunesmith.training.engine.weights import workspace_file
from tunesmith.training.run import Run
from tunesmith.training.tasks.datasets import fetched
from tunesmith.training.tasks.segmentation.labels import distinct_colours

_NAMES = ("label_map.json", "label_map_panoptic.json")


@dataclass(frozen=True, eq=False)
class Segments:
    """What is known of an image, with a row a segment.

    Attributes:
        masks: (n, height, width), of the size of the upright image; those of instances may overlap.
        labels: (n,) indices of classes.
        crowd: (n,) whether it stands for a crowd, neither to be found nor to be missed.
    """

    masks: NDArray[np.bool_]
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]

    def of(self, rows: NDArray[np.bool_]) -> "Segments":
        """Some of the segments."""
        return Segments(self.masks[rows], self.labels[rows], self.crowd[rows])


@dataclass(frozen=True)
class Listed:
    """An image of a dataset: its file, its name, its id, its width and height (0 if nobody says)."""

    path: Path
    name: str
    image_id: int | str
    size: tuple[int, int] = (0, 0)


class Annotated(ABC):
    """A dataset with segments, whose arrays loading processes share.

    Attributes:
        name: of the dataset.
        entries: the classes, in the order of their ids.
        covers: whether pixels of no segment are known to show nothing; else nothing is known of them.
    """

    def __init__(self, name: str, entries: tuple[Entry, ...], *, covers: bool) -> None:
        self.name, self.entries, self.covers = name, entries, covers

    @abstractmethod
    def images(self) -> list[Listed]:
        """The images that have annotations."""

    @abstractmethod
    def segments(self, place: int) -> Segments:
        """The segments of the image of this index.

        Raises:
            DatasetError: they cannot be read.
        """


class PanopticSet(Annotated):
    """A panoptic dataset, or the objects of it alone."""

    def __init__(self, name: str, data: PanopticData, *, things_only: bool) -> None:
        entries = coloured(data.categories)
        self._data = data
        self._kept = np.array([one.is_thing or not things_only for one in entries], np.bool_)
        if not self._kept.any():
            raise DatasetError(f"The dataset {name} has no class of objects; learn its grounds instead.")
        self._label = np.cumsum(self._kept) - 1
        kept = tuple(one for one, is_kept in zip(entries, self._kept, strict=True) if is_kept)
        super().__init__(name, kept, covers=False)

    def images(self) -> list[Listed]:
        """The images that have annotations."""
        return _panoptic_images(self._data)

    def segments(self, place: int) -> Segments:
        """The segments of an image, each as its PNG file has it."""
        try:
            ids = read_panoptic(self._data.samples[place].png)
        except FileFlawError as flaw:
            raise DatasetError(str(flaw)) from flaw
        rows, table = self._data.segments.rows(place), self._data.segments
        labels = table.category_of[rows]
        kept = self._kept[labels]
        chosen = table.ids[rows][kept]
        return Segments(
            ids[None] == chosen[:, None, None], self._label[labels[kept]], table.crowd[rows][kept]
        )


class InstanceSet(Annotated):
    """COCO's instances, as polygons or run lengths."""

    def __init__(self, name: str, data: CocoData, entries: tuple[LabelEntry, ...]) -> None:
        given = {one.id: one for one in entries}
        found = [
            replace(given.get(one.id, LabelEntry(one.id, one.name)), id=one.id, name=one.name)
            for one in data.annotated.categories
        ]
        if data.annotated.segments is None or not data.annotated.segments.given.all():
            raise DatasetError(f"The dataset {name} has no masks; add polygons or RLE to its annotations.")
        super().__init__(name, coloured(found), covers=True)
        self._data = data

    def images(self) -> list[Listed]:
        """All images, those without objects too."""
        return _instance_images(self._data)

    def segments(self, place: int) -> Segments:
        """The objects of an image."""
        found = self._data.annotated
        rows, image = found.rows(place), found.images[place]
        masks = [mask for mask in map(found.mask, rows) if mask is not None]
        part = slice(rows.start, rows.stop)
        stacked = np.stack(masks) if masks else np.zeros((0, image.height, image.width), np.bool_)
        return Segments(stacked, found.category_of[part], found.crowd[part])


def open_annotated(run: Run, dataset: DatasetInput, use: Use, mode: Mode) -> Annotated:
    """A dataset with segments, fetched first if its copy is not here.

    Raises:
        StoppedError: asked to stop while fetching.
        DatasetError: it cannot be used.
        StorageError: it cannot be fetched.
    """
    if dataset.format not in (DatasetFormat.COCO_PANOPTIC, DatasetFormat.COCO):
        raise DatasetError(
            f"The dataset {dataset.name} has the format {dataset.format}, which holds no segments; attach "
            f"one in the format {DatasetFormat.COCO_PANOPTIC} or {DatasetFormat.COCO}."
        )
    folder = fetched(run, dataset).folder
    if _has_segments(dataset, use.reading):
        return PanopticSet(dataset.name, _panoptic(run, folder, use), things_only=mode == "instance")
    files = PulledFolder(folder).files
    own = next((files / name for name in _NAMES if (files / name).is_file()), None)
    named = _named(run, use, "label_map") or own
    try:
        entries = read_label_map(named) if named else ()
    except FileFlawError as flaw:
        raise DatasetError(str(flaw)) from flaw
    return InstanceSet(dataset.name, _instances(run, folder, use, masks=True), entries)


def coloured(entries: Sequence[LabelEntry]) -> tuple[Entry, ...]:
    """The classes, each with the colour that its dataset gives it, or one of its own."""
    own = distinct_colours(len(entries))
    return tuple(
        Entry(one.id, one.name, one.is_thing, one.colour or colour)
        for one, colour in zip(entries, own, strict=True)
    )


def listed_images(run: Run, dataset: DatasetInput, use: Use) -> list[Listed]:
    """The images of a dataset, whatever is known of them. It is fetched first if its copy is not here.

    Raises:
        StoppedError: asked to stop while fetching.
        DatasetError: it cannot be used.
        StorageError: it cannot be fetched.
    """
    folder = fetched(run, dataset).folder
    if _has_segments(dataset, use.reading):
        return _panoptic_images(_panoptic(run, folder, use))
    if dataset.format in (DatasetFormat.COCO_PANOPTIC, DatasetFormat.COCO):
        return _instance_images(_instances(run, folder, use))
    tree = image_tree(PulledFolder(folder).extracted / "images")
    return [
        Listed(path, path.relative_to(tree.root).as_posix(), index)
        for index, path in enumerate(tree.images(), start=1)
    ]


def _panoptic(run: Run, folder: Path, use: Use) -> PanopticData:
    annotations, label_map = (_named(run, use, kind) for kind in ("segments", "label_map"))
    return PanopticData.open(folder, annotations=annotations, label_map=label_map)


def _instances(run: Run, folder: Path, use: Use, *, masks: bool = False) -> CocoData:
    return CocoData.open(folder, masks=masks, annotations=_named(run, use, "instances"))


def _named(run: Run, use: Use, kind: str) -> Path | None:
    """The file of the workspace that the spec puts in the place of a dataset's own."""
    if kind not in use.files:
        return None
    path, key = use.files[kind]
    return workspace_file(run, key, path)


def _has_segments(dataset: DatasetInput, reading: Reading) -> bool:
    return dataset.format == DatasetFormat.COCO_PANOPTIC and reading == "segments"


def _panoptic_images(data: PanopticData) -> list[Listed]:
    pairs = [(one.path, one.entry.image) for one in data.samples]
    return [Listed(path, image.name, image.id, (image.width, image.height)) for path, image in pairs]


def _instance_images(data: CocoData) -> list[Listed]:
    listed = zip(data.paths, data.annotated.images, strict=True)
    return [Listed(path, one.name, one.id, (one.width, one.height)) for path, one in listed]
