"""Looks into pulled ODVG datasets: lines, images, boxes, classes, phrases and masks."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tunesmith.data.checks.annotated import (
    check_background,
    check_files,
    check_relative,
    check_sizes,
    check_unused,
    check_used,
    most_common,
)
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.inside import Inside
from tunesmith.data.json_lines import parse_line, read_json_lines
from tunesmith.data.odvg import ANNOTATIONS, IMAGES, LABEL_MAP, read_labels
from tunesmith.data.odvg_reading import OdvgImage, OdvgReader
from tunesmith.data.types import DatasetType


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by class, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    files = ImageFiles(inside.archive("images"))
    try:
        labels = read_labels(inside.file(LABEL_MAP))
    except FileFlawError as flaw:
        inside.flawed("label map", inside.file(LABEL_MAP), flaw)
        return {}
    check_files(inside, IMAGES, files)
    looked = _Look(inside, files)
    for image in _images(inside, labels):
        looked.at(image)
    check_sizes(inside, ANNOTATIONS, looked.declared)
    unlisted = files.unused(looked.taken)
    check_unused(inside, ANNOTATIONS, unlisted)
    check_background(inside, ANNOTATIONS, looked.empty)
    check_relative(inside, ANNOTATIONS, looked.reach)
    check_used(inside, ANNOTATIONS, dict.fromkeys(labels.values(), 0) | looked.objects | looked.phrases)
    return {
        "images": {
            "listed": len(looked.taken),
            "annotated": len(looked.taken) - looked.empty,
            "unlisted": len(unlisted),
        },
        "lines": {"detection": looked.lines["detection"], "grounding": looked.lines["grounding"]},
        "annotations": looked.objects.total() + looked.phrases.total(),
        "masks": looked.masks,
        "classes": {ANNOTATIONS: most_common(looked.objects)},
        "phrases": most_common(looked.phrases),
        "decoded": inside.decode(files.paths),
    }


def _images(inside: Inside, labels: Mapping[int, str]) -> Iterator[OdvgImage]:
    masks = inside.layout.type == DatasetType.SEGMENTATION
    reader = OdvgReader(ANNOTATIONS, labels, inside.findings, masks)
    path = inside.file(ANNOTATIONS)
    try:
        for line in read_json_lines(path):
            inside.keep_going()
            try:
                image = reader.image(line.number, parse_line(line, ANNOTATIONS))
            except FileFlawError as flaw:
                inside.flawed("line", path, flaw)
            else:
                if image:
                    yield image
    except FileFlawError as flaw:
        inside.flawed("lines", path, flaw)


class _Look:
    """One look at all lines.

    Attributes:
        declared: the file, width and height of each image.
        taken: the lines by their files.
        lines: how many are for detection and for grounding.
        objects: how many boxes can be used, by class.
        phrases: the same, by phrase.
        masks: how many have a mask.
        empty: how many images show nothing.
        reach: how far the boxes reach to the right or down, in pixels.
    """

    def __init__(self, inside: Inside, files: ImageFiles) -> None:
        self._inside = inside
        self._files = files
        self.declared: list[tuple[Path, int, int]] = []
        self.taken: dict[Path, int] = {}
        self.lines: Counter[str] = Counter()
        self.objects: Counter[str] = Counter()
        self.phrases: Counter[str] = Counter()
        self.masks = 0
        self.empty = 0
        self.reach = 0.0

    def at(self, image: OdvgImage) -> None:
        """Look at a line."""
        path = self._files.find(image.name)
        if path is None:
            fault = f"holds no {image.name[:100]!r}, which line {image.line} of {ANNOTATIONS} names"
            self._inside.findings.error("no file", IMAGES, fault, "Add the image, or remove the line.")
            return
        self.empty += not image.objects and path not in self.taken
        if path in self.taken and image.caption is None:
            fault = f"has the image of line {self.taken[path]} in line {image.line} again"
            self._inside.findings.warning(
                "again", ANNOTATIONS, fault, "Write the boxes of an image into one line."
            )
        if path not in self.taken:
            self.declared.append((path, image.width, image.height))
        self.taken.setdefault(path, image.line)
        self.lines["detection" if image.caption is None else "grounding"] += 1
        counted = self.objects if image.caption is None else self.phrases
        counted.update(one.phrase for one in image.objects)
        self.reach = max([self.reach, *(max(one.box) for one in image.objects)])
        self.masks += sum(one.shape is not None for one in image.objects)
