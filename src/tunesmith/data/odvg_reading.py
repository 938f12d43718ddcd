"""Reads the lines of ODVG files; each fault of an object is a finding, and the object is left out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tunesmith.data.boxes import CORNERS, fit
from tunesmith.data.findings import Findings
from tunesmith.data.masks import (
    LARGEST,
    MOST_PIXELS,
    Mask,
    MaskError,
    Polygons,
    Rle,
    as_polygons,
    fill,
    parse_polygons,
    parse_rle,
)
from tunesmith.data.text_files import printable

Box = tuple[float, float, float, float]
Span = tuple[int, int]

_IMAGE = 'Write {"file_name": "1.jpg", "height": 480, "width": 640, "detection": {"instances": [...]}}.'
_INSTANCE = 'Write instances as {"bbox": [x1, y1, x2, y2], "label": 0, "category": "cat"}.'
_REGION = 'Write regions as {"phrase": "a cat", "bbox": [x1, y1, x2, y2]}, the phrase as in the caption.'
_MASK = "Write a mask as [[x1, y1, x2, y2, x3, y3, ...], ...], or as RLE in the size of the image."


@dataclass(frozen=True, slots=True, eq=False)
class OdvgObject:
    """Something in an image.

    Attributes:
        box: left, top, right, bottom in pixels, within the image.
        phrase: the name of its class, or its phrase in the caption.
        label: the id of its class; None where phrases are grounded.
        spans: where the caption names it, as first and last character, the last excluded.
        shape: its mask; None if it has none or masks were not read.
    """

    box: Box
    phrase: str
    label: int | None = None
    spans: tuple[Span, ...] = ()
    shape: Polygons | Rle | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OdvgImage:
    """A line: an image and what is in it. `caption` is None where classes are detected."""

    line: int
    name: str
    width: int
    height: int
    caption: str | None
    objects: tuple[OdvgObject, ...]

    def mask(self, found: OdvgObject) -> Mask | None:
        """The pixels of one of its objects; None if it has no mask."""
        if isinstance(found.shape, Rle):
            return found.shape.mask()
        return None if found.shape is None else fill(found.shape, self.height, self.width)


@dataclass(frozen=True)
class OdvgReader:
    """Reads the values of lines.

    Attributes:
        name: the file, for findings.
        labels: the names of the classes by their ids.
        masks: whether to read masks; objects without one are then left out.
    """

    name: str
    labels: Mapping[int, str]
    findings: Findings
    masks: bool = False

    def image(self, line: int, value: Any) -> OdvgImage | None:
        """The image of a line; None if it is flawed as a whole."""
        fields = value if type(value) is dict else {}
        name, width, height = fields.get("file_name"), fields.get("width", 0), fields.get("height", 0)
        detection, grounding = fields.get("detection"), fields.get("grounding")
        if type(name) is not str or not name.strip():
            fault = "no file_name"
        elif not all(type(side) is int and 0 < side <= LARGEST for side in (width, height)):
            fault = "no width and height in pixels"
        elif width * height > MOST_PIXELS:
            fault = "an image of more pixels than are safe to open"
        elif detection is not None and grounding is not None:
            fault = "both detection and grounding"
        elif any(part is not None and type(part) is not dict for part in (detection, grounding)):
            fault = "a detection or grounding that is no object"
        elif grounding is not None and not _is_caption(grounding.get("caption")):
            fault = "a grounding without a caption"
        else:
            caption = grounding["caption"] if grounding is not None else None
            image = OdvgImage(line, name, width, height, caption, ())
            found = self._regions(image, grounding) if grounding else self._instances(image, detection or {})
            return replace(image, objects=tuple(self._fitted(image, list(found))))
        self._error("image", line, fault, _IMAGE)
        return None

    def _instances(self, image: OdvgImage, detection: Mapping[str, Any]) -> Iterator[OdvgObject]:
        for place, value in self._listed(image, detection, "instances"):
            fields = value if type(value) is dict else {}
            box, label, called = _box(fields.get("bbox")), fields.get("label"), fields.get("category")
            if box is None:
                self._error(
                    "box", image.line, f"instances[{place}] without a bbox of four numbers", _INSTANCE
                )
            elif type(label) is not int or label not in self.labels:
                fault = f"instances[{place}] with a label that is not in the label map"
                self._error("label", image.line, fault, "Add it to the label map, or correct it.")
            else:
                self._check_name(image, place, called, self.labels[label])
                found = OdvgObject(box, self.labels[label], label)
                yield from self._with_shape(image, f"instances[{place}]", found, fields)

    def _regions(self, image: OdvgImage, grounding: Mapping[str, Any]) -> Iterator[OdvgObject]:
        for place, value in self._listed(image, grounding, "regions"):
            fields = value if type(value) is dict else {}
            boxes, phrases = _boxes(fields.get("bbox")), _phrases(fields.get("phrase"))
            if not boxes or not phrases:
                fault = f"regions[{place}] without a phrase or a bbox of four numbers"
                self._error("region", image.line, fault, _REGION)
                continue
            spans = _spans(image.caption or "", phrases, fields.get("tokens_positive"))
            if not spans:
                fault = (
                    f"regions[{place}], whose phrase {printable(phrases[0], 60)!r} its caption does not have"
                )
                self._warning("phrase", image.line, f"{fault}: it is left out", _REGION)
                continue
            for box in boxes:
                found = OdvgObject(box, ", ".join(phrases), spans=spans)
                yield from self._with_shape(image, f"regions[{place}]", found, fields)

    def _listed(self, image: OdvgImage, part: Mapping[str, Any], key: str) -> Iterator[tuple[int, Any]]:
        values = part.get(key) or []
        if type(values) is list:
            yield from enumerate(values)
        else:
            self._error("list", image.line, f"{key} that are no list", f"Write {key} as a list.")

    def _with_shape(
        self, image: OdvgImage, place: str, found: OdvgObject, fields: Mapping[str, Any]
    ) -> Iterator[OdvgObject]:
        if not self.masks:
            yield found
            return
        try:
            shape = _shape(fields.get("mask"), image)
        except MaskError as error:
            self._error("mask", image.line, f"{place} with {error}", _MASK)
            return
        if shape is None:
            self._warning("no mask", image.line, f"{place} without a mask: it is left out", _MASK)
        else:
            yield replace(found, shape=shape)

    def _fitted(self, image: OdvgImage, objects: list[OdvgObject]) -> Iterator[OdvgObject]:
        boxes = np.array([one.box for one in objects], np.float64).reshape(-1, 4)
        fitted = fit(boxes, np.array([image.width, image.height]))
        for rows, kind, what in (
            (fitted.flat, "flat", "of no width or height, or upside down: it is left out"),
            (fitted.outside, "outside", "outside its image: it is left out"),
            (fitted.cut, "cut", "that leaves its image: it is cut at the edge"),
        ):
            for row in np.flatnonzero(rows):
                box = [round(edge, 1) for edge in boxes[row].tolist()]
                fault = f"a box {what} ({box} in {image.width} x {image.height})"
                self._warning(kind, image.line, fault, CORNERS)
        for one, box, kept in zip(objects, fitted.boxes.tolist(), fitted.kept, strict=True):
            if kept:
                yield replace(one, box=tuple(box))

    def _check_name(self, image: OdvgImage, place: int, called: Any, name: str) -> None:
        if called is not None and (type(called) is not str or called.strip().lower() != name.lower()):
            shown = printable(called, 60) if type(called) is str else "?"
            fault = f"instances[{place}] of the category {shown!r}, which the label map calls {name!r}"
            self._warning("name", image.line, fault, "Use one name; that of the label map is taken.")

    def _error(self, kind: str, line: int, fault: str, remedy: str) -> None:
        self.findings.error(kind, self.name, f"has in line {line} {fault}", remedy)

    def _warning(self, kind: str, line: int, fault: str, remedy: str) -> None:
        self.findings.warning(kind, self.name, f"has in line {line} {fault}", remedy)


def _is_caption(value: Any) -> bool:
    return type(value) is str and bool(value.strip())


def _box(value: Any) -> Box | None:
    if type(value) is not list or len(value) != 4 or not set(map(type, value)) <= {int, float}:
        return None
    if not all(-LARGEST <= one <= LARGEST for one in value):
        return None
    left, top, right, bottom = value
    return left, top, right, bottom


def _boxes(value: Any) -> list[Box]:
    """The boxes of a region: of several things of one phrase it has several; nothing if one is malformed."""
    several = value if type(value) is list and value and type(value[0]) is list else [value]
    boxes = [box for one in several if (box := _box(one))]
    return boxes if len(boxes) == len(several) else []


def _phrases(value: Any) -> list[str]:
    phrases = value if type(value) is list else [value]
    whole = [one.strip() for one in phrases if type(one) is str and one.strip()]
    return whole if len(whole) == len(phrases) else []


def _spans(caption: str, phrases: list[str], given: Any) -> tuple[Span, ...]:
    """Where a caption has the phrases: as the file says, or else where each of them comes first."""
    if type(given) is list and given and all(_is_span(one, len(caption)) for one in given):
        return tuple((start, stop) for start, stop in given)
    found = (re.search(re.escape(phrase), caption, re.IGNORECASE) for phrase in phrases)
    return tuple(match.span() for match in found if match)


def _is_span(value: Any, length: int) -> bool:
    if type(value) is not list or [type(one) for one in value] != [int, int]:
        return False
    start, stop = value
    return bool(0 <= start < stop <= length)


def _shape(value: Any, image: OdvgImage) -> Polygons | Rle | None:
    if value is None or type(value) is list:
        parts = value or ()
        parts = [parts] if parts and type(parts[0]) in (int, float) else parts
        return as_polygons(parse_polygons(parts)) or None
    if type(value) is not dict:
        raise MaskError("a mask that is neither polygons nor RLE")
    rle = parse_rle(value)
    if (rle.height, rle.width) != (image.height, image.width):
        raise MaskError(f"an RLE of {rle.width} x {rle.height} in an image of {image.width} x {image.height}")
    return rle
