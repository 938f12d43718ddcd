"""Looks into pulled datasets with COCO's instances: images against annotations, boxes, masks, classes."""

from collections.abc import Sequence

import numpy as np

from tunesmith.data.checks.annotated import (
    check_background,
    check_files,
    check_relative,
    check_sizes,
    check_unused,
    check_used,
    most_common,
)
from tunesmith.data.coco import Category, CocoSet
from tunesmith.data.coco_data import ANNOTATIONS, IMAGES, load_coco
from tunesmith.data.decoding import sample
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.inside import Inside
from tunesmith.data.label_maps import LabelEntry, read_label_map
from tunesmith.data.masks import box_of
from tunesmith.data.types import DatasetFormat, DatasetType

LABEL_MAP = "label_map.json"
_MASK = "Draw its mask anew, or remove the annotation."
_FITTING = 0.5
"""How much a box and the box of its mask must overlap (intersection over union) not to be told."""

_WORTH_COMPARING = 100
"""Pixels of a mask from which on rounding does not matter."""


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by class, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    layout = inside.layout
    files = ImageFiles(inside.archive("images"))
    counts = check_instances(
        inside,
        files,
        masks=layout.type == DatasetType.SEGMENTATION,
        masks_needed=layout.format == DatasetFormat.COCO,
    )
    return counts | {"decoded": inside.decode(files.paths)}


def check_instances(inside: Inside, files: ImageFiles, *, masks: bool, masks_needed: bool) -> Counts:
    """Look into annotations.json, label_map.json where it belongs to the format, and sizes of images."""
    path = inside.file(ANNOTATIONS)
    check_files(inside, IMAGES, files)
    try:
        data = load_coco(path, files, inside.findings, masks=masks, on_step=inside.keep_going)
    except FileFlawError as flaw:
        inside.flawed("annotations", path, flaw)
        return {}
    found = data.annotated
    measured = zip(data.paths, found.images, strict=True)
    check_sizes(inside, ANNOTATIONS, [(path, image.width, image.height) for path, image in measured])
    unlisted = files.unused(data.paths)
    check_unused(inside, ANNOTATIONS, unlisted)
    annotated = len(np.unique(found.image_of))
    check_background(inside, ANNOTATIONS, len(found.images) - annotated)
    check_relative(inside, ANNOTATIONS, float(found.boxes.max(initial=0)))
    check_used(inside, ANNOTATIONS, found.per_category())
    if inside.file(LABEL_MAP).exists() and (entries := labels_of(inside, LABEL_MAP)):
        check_labels(inside, LABEL_MAP, entries, found.categories)
    counts = _counts(found)
    counts["images"] = {"listed": len(data.paths), "annotated": annotated, "unlisted": len(unlisted)}
    return counts | (_check_masks(inside, found, masks_needed) if masks else {})


def labels_of(inside: Inside, name: str) -> tuple[LabelEntry, ...]:
    """The classes of a label map; none if it is flawed, which is told."""
    try:
        return read_label_map(inside.file(name))
    except FileFlawError as flaw:
        inside.flawed("label map", inside.file(name), flaw)
        return ()


def check_labels(
    inside: Inside, name: str, entries: Sequence[LabelEntry], categories: Sequence[Category]
) -> None:
    """Whether a label map has the classes that the annotations have."""
    names = {entry.id: entry.name for entry in entries}
    for category in categories:
        called = names.get(category.id)
        if called is None:
            fault = f"lacks the category {category.id} ({category.name!r}) of the annotations"
            inside.findings.error("label map", name, fault, "Add it with this id and name.")
        elif called != category.name:
            fault = f"calls {called!r} what the annotations call {category.name!r} (id {category.id})"
            inside.findings.warning("label name", name, fault, "Use one name in both files.")


def _counts(found: CocoSet) -> Counts:
    per_category = found.per_category()
    ids = [category.id for category in found.categories]
    return {
        "annotations": len(found),
        "crowds": int(found.crowd.sum()),
        "classes": {ANNOTATIONS: most_common(per_category)},
        "categories": {
            "declared": len(ids),
            "used": sum(count > 0 for count in per_category.values()),
            "lowest_id": min(ids, default=0),
            "highest_id": max(ids, default=0),
        },
    }


def _check_masks(inside: Inside, found: CocoSet, needed: bool) -> Counts:
    given = found.segments.given if found.segments else np.zeros(len(found), np.bool_)
    if len(found) and not given.any() and not inside.only_for_testing:
        fault = "has no annotation with a segmentation"
        note = inside.findings.error if needed else inside.findings.warning
        note("no masks", ANNOTATIONS, fault, "Add polygons or RLE: masks are measured with them.")
    rows = [int(row) for row in np.flatnonzero(given)]
    for row in rows if inside.all_images else sample(rows):
        inside.keep_going()
        _check_mask(inside, found, row)
    return {"masks": len(rows)}


def _check_mask(inside: Inside, found: CocoSet, row: int) -> None:
    image = found.images[int(found.image_of[row])]
    mask = found.mask(row) if image.width else None
    if mask is None:
        return
    place = f"has in annotations[{found.places[row]}] a mask"
    around = box_of(mask)
    if around == (0, 0, 0, 0):
        inside.findings.warning(
            "empty mask", ANNOTATIONS, f"{place} that covers no pixel of its image", _MASK
        )
    elif mask.sum() >= _WORTH_COMPARING and _overlap(around, found.boxes[row].tolist()) < _FITTING:
        drawn = [round(float(edge), 1) for edge in found.boxes[row]]
        fault = f"{place} that reaches over {list(around)}, and the box {drawn} (x1, y1, x2, y2)"
        inside.findings.warning("mask and box", ANNOTATIONS, fault, "Correct the box or the mask.")


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)
