"""Reads COCO's files of instances entry by entry; each fault of an entry is a finding."""

from array import array
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from tunesmith.data.classes import canonical
from tunesmith.data.coco import Category, CocoImage, CocoSet, ImageId
from tunesmith.data.findings import Findings
from tunesmith.data.json_stream import OnChunk, ignore_chunk, read_entries
from tunesmith.data.masks import LARGEST, MOST_PIXELS, MaskError, Rle, box_of, parse_polygons, parse_rle
from tunesmith.data.named_files import is_plain
from tunesmith.data.segments import SegmentsBuilder
from tunesmith.data.text_files import printable

LISTS = ("images", "categories", "annotations")
_LARGEST_ID = 1 << 31
_IMAGE = 'Write images as {"id": 1, "file_name": "1.jpg", "width": 640, "height": 480}.'
_CATEGORY = 'Write categories as {"id": 1, "name": "cat"}, each id and each name once.'
_ANNOTATION = (
    'Write annotations as {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x, y, width, height]}.'
)
_MASK = "Write a segmentation as [[x1, y1, x2, y2, x3, y3, ...], ...], or as RLE with size and counts."


def parse_coco(
    path: Path, findings: Findings, *, masks: bool = False, on_chunk: OnChunk = ignore_chunk
) -> CocoSet:
    """What a file of instances holds; what is wrong with an entry goes to the findings, and it is left out.

    Boxes are as written: they may leave their images. Masks are read if `masks`.

    Raises:
        FileFlawError: the file as a whole is no JSON object.
    """
    parser = _Parser(path.name, findings, masks)
    for entry in read_entries(path, LISTS, on_chunk):
        if entry.key in LISTS:
            parser.add(entry.key, entry.place, entry.value)
    return parser.finish()


def check_image(name: str, place: str, value: Any, findings: Findings) -> CocoImage | None:
    """An image of COCO's; None if it is flawed."""
    fields = value if type(value) is dict else {}
    image_id, file_name = fields.get("id"), fields.get("file_name")
    width, height = fields.get("width") or 0, fields.get("height") or 0
    if not is_image_id(image_id):
        fault = f"has in {place} an image without an id that is a whole number or a text"
    elif type(file_name) is not str or not file_name.strip():
        fault = f"has in {place} an image without a file_name"
    elif not all(type(side) is int and 0 <= side <= LARGEST for side in (width, height)):
        fault = f"has in {place} an image whose width and height are no numbers of pixels"
    elif width * height > MOST_PIXELS:
        fault = f"has in {place} an image of more pixels than are safe to open"
    else:
        # One alone is as good as none: both are then measured.
        return CocoImage(image_id, file_name, width if height else 0, height if width else 0)
    findings.error("image", name, fault, _IMAGE)
    return None


def check_category(name: str, place: str, value: Any, findings: Findings) -> Category | None:
    """A category of COCO's; None if it is flawed."""
    fields = value if type(value) is dict else {}
    label, called = fields.get("id"), fields.get("name")
    if type(label) is not int or not 0 <= label < _LARGEST_ID:
        fault = f"has in {place} a category without an id that is 0 or a positive whole number"
    elif type(called) is not str or not is_plain(canonical(called.strip())):
        fault = f"has in {place} a category without a printable name"
    else:
        return Category(label, canonical(called.strip()))
    findings.error("category", name, fault, _CATEGORY)
    return None


def is_image_id(value: Any) -> TypeGuard[ImageId]:
    """Whether a value may be the id of an image."""
    return (type(value) is int and abs(value) < 1 << 63) or (type(value) is str and len(value) < 1000)


def shown_id(image_id: ImageId) -> str:
    """The id of an image, for people."""
    return str(image_id) if isinstance(image_id, int) else repr(printable(image_id, 60))


class _Parser:
    """One file. Annotations may come before what they refer to: they are resolved at the end."""

    def __init__(self, name: str, findings: Findings, masks: bool) -> None:
        self._name = name
        self._findings = findings
        self._images: dict[ImageId, CocoImage] = {}
        self._categories: dict[int, Category] = {}
        self._called: set[str] = set()
        self._image_ids: dict[ImageId, int] = {}
        self._places, self._ids = array("q"), array("q")
        self._image_of, self._category_of = array("q"), array("q")
        self._boxes, self._areas = array("d"), array("d")
        self._crowd = bytearray()
        self._segments = SegmentsBuilder() if masks else None

    def add(self, key: str, place: int | None, value: Any) -> None:
        """Take an entry of one of the lists."""
        if place is None:
            self._error("list", f"has {key} that are no list", f"Write {key} as a list.")
        elif key == "images":
            self._add_image(f"images[{place}]", value)
        elif key == "categories":
            self._add_category(f"categories[{place}]", value)
        else:
            self._add_annotation(place, value)

    def finish(self) -> CocoSet:
        """Everything that is whole."""
        images = tuple(self._images.values())
        categories = tuple(sorted(self._categories.values(), key=lambda one: one.id))
        image_index = {image.id: index for index, image in enumerate(images)}
        for called, listed in (("image", images), ("category", categories)):
            if not listed:
                self._error("empty", f"lists no {called}", _IMAGE if called == "image" else _CATEGORY)
        by_number = np.array([image_index.get(one, -1) for one in self._image_ids], np.int64)
        category_ids = np.array([one.id for one in categories], np.int64)
        image_of = by_number[np.array(self._image_of, np.int64)]
        wanted = np.array(self._category_of, np.int64)
        category_of = np.searchsorted(category_ids, wanted)
        known = np.isin(wanted, category_ids)
        self._report_unknown(image_of, known)
        whole = CocoSet(
            images,
            categories,
            np.array(self._places, np.int64),
            np.array(self._ids, np.int64),
            image_of,
            category_of.astype(np.int64),
            np.array(self._boxes, np.float64).reshape(-1, 4),
            np.array(self._areas, np.float64),
            np.array(self._crowd, np.bool_),
            self._segments.build() if self._segments else None,
        )
        self._report_repeated(whole)
        rows = np.argsort(image_of, kind="stable")
        return whole.select(rows[((image_of >= 0) & known)[rows]])

    def _add_image(self, place: str, value: Any) -> None:
        image = check_image(self._name, place, value, self._findings)
        if image and image.id in self._images:
            fault = f"gives the id {shown_id(image.id)} in {place} to a second image"
            self._error("image id", fault, "Give each image an id of its own.")
        elif image:
            self._images[image.id] = image

    def _add_category(self, place: str, value: Any) -> None:
        category = check_category(self._name, place, value, self._findings)
        if not category:
            return
        if category.id in self._categories or category.name in self._called:
            fault = f"has in {place} a second category of the id {category.id} or the name {category.name!r}"
            self._error("category id", fault, _CATEGORY)
            return
        self._categories[category.id] = category
        self._called.add(category.name)

    def _add_annotation(self, place: int, value: Any) -> None:
        fields = value if type(value) is dict else {}
        image_id, category, crowd = fields.get("image_id"), fields.get("category_id"), fields.get("iscrowd")
        if not is_image_id(image_id):
            self._annotation_error(place, "has no image_id that is a whole number or a text")
        elif type(category) is not int or not 0 <= category < _LARGEST_ID:
            self._annotation_error(place, "has no category_id that is 0 or a positive whole number")
        elif crowd not in (None, 0, 1):
            self._annotation_error(place, "has an iscrowd that is neither 0 nor 1")
        else:
            self._add_shape(place, fields, (image_id, category, bool(crowd)))

    def _add_shape(self, place: int, fields: dict[str, Any], refers: tuple[ImageId, int, bool]) -> None:
        try:
            mask = _mask(fields.get("segmentation")) if self._segments else None
        except MaskError as error:
            self._annotation_error(place, f"has {error}", _MASK)
            return
        box = _box(fields.get("bbox"))
        if box is None and not fields.get("bbox") and mask:
            box = _box_around(mask)
        if box is None:
            self._annotation_error(place, "has no bbox of four numbers of pixels")
            return
        image_id, category, crowd = refers
        area, own = fields.get("area"), fields.get("id")
        self._places.append(place)
        self._ids.append(own if type(own) is int and 0 <= own < 1 << 63 else -1)
        self._image_of.append(self._image_ids.setdefault(image_id, len(self._image_ids)))
        self._category_of.append(category)
        self._boxes.extend(box)
        self._areas.append(float(area) if _is_area(area) else (box[2] - box[0]) * (box[3] - box[1]))
        self._crowd.append(crowd)
        if self._segments:
            _store(self._segments, mask)

    def _report_unknown(self, image_of: np.ndarray[Any, Any], known: np.ndarray[Any, Any]) -> None:
        number_ids = list(self._image_ids)
        for row in np.flatnonzero(image_of < 0):
            wanted = shown_id(number_ids[self._image_of[row]])
            fault = f"refers in annotations[{self._places[row]}] to the image {wanted}, which images lacks"
            self._error("no image", fault, "Add the image to images, or remove its annotations.")
        for row in np.flatnonzero(~known):
            fault = (
                f"refers in annotations[{self._places[row]}] to the category {self._category_of[row]}, "
                "which categories lacks"
            )
            self._error("no category", fault, "Add the category to categories, or correct the annotation.")

    def _report_repeated(self, found: CocoSet) -> None:
        given = found.ids[found.ids >= 0]
        if repeated := len(given) - len(np.unique(given)):
            fault = f"gives {repeated} annotations the id of another one: they are numbered anew"
            self._findings.warning(
                "annotation id", self._name, fault, "Give each annotation an id of its own."
            )

    def _annotation_error(self, place: int, fault: str, remedy: str = _ANNOTATION) -> None:
        self._error(
            "mask" if remedy == _MASK else "annotation", f"has annotations[{place}], which {fault}", remedy
        )

    def _error(self, kind: str, fault: str, remedy: str) -> None:
        self._findings.error(kind, self._name, fault, remedy)


def _box(value: Any) -> tuple[float, float, float, float] | None:
    if type(value) is not list or len(value) != 4 or not set(map(type, value)) <= {int, float}:
        return None
    if not all(-LARGEST <= one <= LARGEST for one in value):
        return None
    x, y, width, height = value
    return x, y, x + width, y + height


def _mask(value: Any) -> tuple[list[float], ...] | Rle | None:
    if value is None or type(value) is list:
        return parse_polygons(value or ()) or None
    if type(value) is dict:
        return parse_rle(value)
    raise MaskError("a segmentation that is neither polygons nor RLE")


def _box_around(mask: tuple[list[float], ...] | Rle) -> tuple[float, float, float, float]:
    if isinstance(mask, Rle):
        return box_of(mask.mask())
    xs, ys = [x for part in mask for x in part[::2]], [y for part in mask for y in part[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def _store(segments: SegmentsBuilder, mask: tuple[list[float], ...] | Rle | None) -> None:
    if mask is None:
        segments.add_none()
    elif isinstance(mask, Rle):
        segments.add_rle(mask)
    else:
        segments.add_polygons(mask)


def _is_area(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float) and 0 < value <= LARGEST * LARGEST
