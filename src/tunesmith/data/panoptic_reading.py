"""Reads COCO's files of panoptic annotations entry by entry; each fault of an entry is a finding."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.data.coco import Category, CocoImage, ImageId
from tunesmith.data.coco_reading import LISTS, check_category, check_image, is_image_id, shown_id
from tunesmith.data.findings import Findings
from tunesmith.data.json_stream import OnChunk, ignore_chunk, read_entries
from tunesmith.data.panoptic import LARGEST_ID, SegmentTable

_ANNOTATION = (
    'Write annotations as {"image_id": 1, "file_name": "1.png", "segments_info": [...]}, one an image.'
)
_SEGMENT = 'Write segments as {"id": 1, "category_id": 1, "area": 400, "iscrowd": 0}.'


@dataclass(frozen=True, slots=True)
class PanopticEntry:
    """An annotation: its image, and the name of the PNG file of segment ids."""

    image: CocoImage
    png: str


@dataclass(frozen=True, eq=False)
class PanopticFile:
    """What a file holds: annotations with their segments in the same order.

    Attributes:
        images: all that are listed.
        categories: those that the file declares; none if it declares none.
    """

    images: tuple[CocoImage, ...]
    categories: tuple[Category, ...]
    entries: tuple[PanopticEntry, ...]
    segments: SegmentTable


def parse_panoptic(
    path: Path, labels: Mapping[int, int], findings: Findings, on_chunk: OnChunk = ignore_chunk
) -> PanopticFile:
    """What a file of panoptic annotations holds; what is wrong with an entry goes to the findings.

    `labels` are the indices of the classes by their ids.

    Raises:
        FileFlawError: the file as a whole is no JSON object.
    """
    parser = _Parser(path.name, labels, findings)
    for entry in read_entries(path, LISTS, on_chunk):
        if entry.key in LISTS:
            parser.add(entry.key, entry.place, entry.value)
    return parser.finish()


class _Parser:
    """One file."""

    def __init__(self, name: str, labels: Mapping[int, int], findings: Findings) -> None:
        self._name = name
        self._labels = labels
        self._findings = findings
        self._images: dict[ImageId, CocoImage] = {}
        self._categories: list[Category] = []
        self._pngs: list[tuple[int, ImageId, str | None]] = []
        self._starts = array("q", [0])
        self._ids, self._category_of, self._areas = array("q"), array("q"), array("q")
        self._crowd = bytearray()

    def add(self, key: str, place: int | None, value: Any) -> None:
        """Take an entry of one of the lists."""
        if place is None:
            self._error("list", f"has {key} that are no list", f"Write {key} as a list.")
        elif key == "images":
            self._add_image(f"images[{place}]", value)
        elif key == "categories":
            if category := check_category(self._name, f"categories[{place}]", value, self._findings):
                self._categories.append(category)
        else:
            self._add_annotation(place, value)

    def finish(self) -> PanopticFile:
        """Everything that is whole."""
        if not self._images:
            self._error("empty", "lists no image", 'Write {"id": 1, "file_name": "1.jpg"} for each image.')
        entries, rows = [], []
        taken: set[ImageId] = set()
        for index, (place, image_id, png) in enumerate(self._pngs):
            image = self._images.get(image_id)
            if image is None:
                fault = (
                    f"refers in annotations[{place}] to the image {shown_id(image_id)}, which images lacks"
                )
                self._error("no image", fault, "Add the image to images, or remove the annotation.")
            elif image_id in taken:
                fault = f"has in annotations[{place}] a second annotation of the image {shown_id(image_id)}"
                self._error("second", fault, "Merge the two, and their PNG files.")
            else:
                taken.add(image_id)
                entries.append(PanopticEntry(image, png or f"{image.name.rsplit('.', 1)[0]}.png"))
                rows.append(index)
        images = tuple(self._images.values())
        return PanopticFile(images, tuple(self._categories), tuple(entries), self._table().of(rows))

    def _table(self) -> SegmentTable:
        return SegmentTable(
            np.array(self._starts, np.int64),
            np.array(self._ids, np.int64),
            np.array(self._category_of, np.int64),
            np.array(self._crowd, np.bool_),
            np.array(self._areas, np.int64),
        )

    def _add_image(self, place: str, value: Any) -> None:
        image = check_image(self._name, place, value, self._findings)
        if image and image.id in self._images:
            fault = f"gives the id {shown_id(image.id)} in {place} to a second image"
            self._error("image id", fault, "Give each image an id of its own.")
        elif image:
            self._images[image.id] = image

    def _add_annotation(self, place: int, value: Any) -> None:
        fields = value if type(value) is dict else {}
        image_id, png, segments = fields.get("image_id"), fields.get("file_name"), fields.get("segments_info")
        if not is_image_id(image_id):
            fault = "has no image_id that is a whole number or a text"
        elif png is not None and (type(png) is not str or not png.strip()):
            fault = "has a file_name that is no name"
        elif type(segments) is not list:
            fault = "has no list segments_info"
        else:
            self._pngs.append((place, image_id, png))
            taken: set[int] = set()
            for index, segment in enumerate(segments):
                self._add_segment(f"annotations[{place}].segments_info[{index}]", segment, taken)
            self._starts.append(len(self._ids))
            return
        self._error("annotation", f"has annotations[{place}], which {fault}", _ANNOTATION)

    def _add_segment(self, place: str, value: Any, taken: set[int]) -> None:
        fields = value if type(value) is dict else {}
        own, category, area = fields.get("id"), fields.get("category_id"), fields.get("area")
        if type(own) is not int or not 0 < own <= LARGEST_ID:
            self._error("segment", f"has {place} without an id from 1 to {LARGEST_ID}", _SEGMENT)
        elif own in taken:
            self._error("segment", f"has in {place} the id {own} for a second segment of its image", _SEGMENT)
        elif type(category) is not int or category not in self._labels:
            fault = f"has {place} of a category that is not in the label map"
            self._error("no category", fault, "Add the category to the label map, or correct the segment.")
        elif fields.get("iscrowd") not in (None, 0, 1):
            self._error("segment", f"has {place} with an iscrowd that is neither 0 nor 1", _SEGMENT)
        else:
            taken.add(own)
            self._ids.append(own)
            self._category_of.append(self._labels[category])
            self._crowd.append(bool(fields.get("iscrowd")))
            self._areas.append(area if type(area) is int and 0 <= area < 1 << 62 else -1)

    def _error(self, kind: str, fault: str, remedy: str) -> None:
        self._findings.error(kind, self._name, fault, remedy)
