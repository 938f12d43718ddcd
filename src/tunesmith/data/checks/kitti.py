"""Looks into pulled datasets with KITTI's labels: images against label files, columns, boxes, classes."""

from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path

import numpy as np

from tunesmith.data.boxes import CORNERS, fit
from tunesmith.data.checks.annotated import (
    check_background,
    check_files,
    check_relative,
    check_used,
    most_common,
)
from tunesmith.data.decoding import sample
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_files import size_of
from tunesmith.data.inside import Inside
from tunesmith.data.kitti import IMAGES, LABELS, KittiData, KittiObject, boxes_of, read_boxes


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by class, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = KittiData(inside.folder)
    check_files(inside, IMAGES, data.files)
    _check_partners(inside, data)
    images, labels = data.images.by_stem, data.labels.by_stem
    pairs = [(path, labels[stem]) for stem, path in images.items() if stem in labels]
    looked = _Look(inside, pairs)
    for image, label in pairs:
        inside.keep_going()
        looked.at(image, label)
    check_relative(inside, LABELS, looked.reach)
    check_background(inside, LABELS, looked.empty)
    check_used(inside, LABELS, looked.objects)
    _check_spelling(inside, looked.objects)
    return {
        "images": {"all": len(data.files.paths), "labelled": len(pairs)},
        "annotations": looked.objects.total(),
        "ignored": looked.ignored,
        "classes": {LABELS: most_common(looked.objects)},
        "decoded": inside.decode(data.files.paths),
    }


def _check_partners(inside: Inside, data: KittiData) -> None:
    images, labels = data.images, data.labels
    for stem in sorted(labels.by_stem.keys() - images.by_stem.keys()):
        member = inside.member(labels.by_stem[stem])
        inside.findings.error("no image", member, "has no image", f"Add images/{stem}.jpg, or remove it.")
    for stem in sorted(images.by_stem.keys() - labels.by_stem.keys()):
        if not inside.only_for_testing:
            remedy = f"Add labels/{stem}.txt; an empty one says that the image shows nothing."
            member = inside.member(images.by_stem[stem])
            inside.findings.warning("no labels", member, "has no label file and is left out", remedy)
    for path in [*images.repeated, *labels.repeated]:
        fault = "has the name of another file and is left out"
        inside.findings.warning("repeated", inside.member(path), fault, "Give each image a name of its own.")


class _Look:
    """One look at all label files.

    Attributes:
        objects: how many can be used, by class.
        ignored: how many are DontCare.
        empty: how many files name no object that can be used.
        reach: how far the boxes reach to the right or down, in pixels.
    """

    def __init__(self, inside: Inside, pairs: Collection[tuple[Path, Path]]) -> None:
        self._inside = inside
        paths = [label for _, label in pairs]
        self._measured = set(paths if inside.all_images else sample(paths))
        self.objects: Counter[str] = Counter()
        self.ignored = 0
        self.empty = 0
        self.reach = 0.0

    def at(self, image: Path, label: Path) -> None:
        """Look at the label file of an image."""
        try:
            found = read_boxes(label)
        except FileFlawError as flaw:
            self._inside.flawed("labels", label, flaw)
            return
        objects = [one for one in found if not one.ignored]
        self.ignored += len(found) - len(objects)
        boxes = boxes_of(objects)
        self.reach = max(self.reach, float(boxes.max(initial=0)))
        size = (size_of(image) if label in self._measured else None) or (0, 0)
        fitted = fit(boxes, np.array(size))
        for rows, kind, what in (
            (fitted.flat, "flat", "a box of no width or height, or upside down: it is left out"),
            (fitted.outside, "outside", "a box outside its image of {} x {}: it is left out"),
            (fitted.cut, "cut", "a box that leaves its image of {} x {}: it is cut at the edge"),
        ):
            for row in np.flatnonzero(rows):
                self._note(kind, label, objects[int(row)], what.format(*size))
        kept = [one.name for one, is_kept in zip(objects, fitted.kept, strict=True) if is_kept]
        self.objects.update(kept)
        self.empty += not kept

    def _note(self, kind: str, label: Path, found: KittiObject, what: str) -> None:
        fault = f"has in line {found.line} {what} ({[round(edge, 1) for edge in found.box]})"
        self._inside.findings.warning(kind, self._inside.member(label), fault, CORNERS)


def _check_spelling(inside: Inside, counts: Counter[str]) -> None:
    spelled: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts):
        spelled[name.lower()].append(name)
    for names in spelled.values():
        if len(names) > 1:
            fault = f"writes a class as {' and '.join(map(repr, names))}: these are taken as several"
            inside.findings.warning("spelling", LABELS, fault, "Write it alike everywhere, if it is one.")
