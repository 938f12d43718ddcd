"""Looks into pulled panoptic datasets: files against annotations, ids of pixels against segments, classes."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from tunesmith.data.checks.annotated import (
    check_background,
    check_sizes,
    check_unused,
    check_used,
    most_common,
)
from tunesmith.data.checks.coco import check_instances, check_labels, labels_of
from tunesmith.data.decoding import sample
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_files import ImageFiles, size_of
from tunesmith.data.inside import Inside
from tunesmith.data.label_maps import LabelEntry
from tunesmith.data.panoptic import VOID, read_panoptic
from tunesmith.data.panoptic_data import (
    ANNOTATIONS,
    LABEL_MAP,
    PNGS,
    PanopticData,
    bring_together,
    index_of,
)
from tunesmith.data.panoptic_reading import parse_panoptic
from tunesmith.data.progress import PullProgress

_IDS = "Make the PNG files and segments_info from the same annotations; id = R + 256 G + 65536 B."


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by class, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    images = ImageFiles(inside.archive("images"))
    instances = check_instances(inside, images, masks=True, masks_needed=False)
    counts: Counts = {}
    if entries := labels_of(inside, LABEL_MAP):
        counts = _check_panoptic(inside, images, entries)
    return instances | counts | {"decoded": inside.decode(images.paths)}


def _check_panoptic(inside: Inside, images: ImageFiles, entries: tuple[LabelEntry, ...]) -> Counts:
    pngs = ImageFiles(inside.archive("images_panoptic"))
    path = inside.file(ANNOTATIONS)
    try:
        parsed = parse_panoptic(path, index_of(entries), inside.findings, inside.keep_going)
    except FileFlawError as flaw:
        inside.flawed("panoptic", path, flaw)
        return {}
    check_labels(inside, LABEL_MAP, entries, parsed.categories)
    data = bring_together(parsed, entries, (images, pngs), inside.findings, inside.keep_going)
    samples = data.samples
    check_sizes(
        inside, ANNOTATIONS, [(one.path, one.entry.image.width, one.entry.image.height) for one in samples]
    )
    check_unused(inside, ANNOTATIONS, pngs.unused(one.png for one in samples))
    check_background(inside, ANNOTATIONS, len(parsed.images) - len(parsed.entries))
    segments = np.bincount(data.segments.category_of, minlength=len(entries))
    classes = {entry.name: int(count) for entry, count in zip(entries, segments, strict=True)}
    check_used(inside, ANNOTATIONS, classes)
    _Look(inside, data).at_all()
    return {
        "panoptic": {"images": len(samples), "segments": len(data.segments.ids)},
        "panoptic_classes": most_common(classes),
    }


class _Look:
    """One look at the PNG files, or at a sample of many: sizes, and ids against the segments."""

    def __init__(self, inside: Inside, data: PanopticData) -> None:
        self._inside = inside
        self._data = data
        self._found: Counter[str] = Counter()

    def at_all(self) -> None:
        """Look at the files."""
        places = range(len(self._data.samples))
        chosen = places if self._inside.all_images else sample(places)
        for done, place in enumerate(chosen):
            self._inside.keep_going()
            self._inside.on_progress(PullProgress("checking", done, len(chosen)))
            self._at(place)
        if self._found["listed"] and not self._found["shared"]:
            fault = f"has PNG files of which no pixel has an id that {ANNOTATIONS} knows"
            self._inside.findings.error("ids", PNGS, fault, _IDS)

    def _at(self, place: int) -> None:
        one = self._data.samples[place]
        member, note = self._inside.member(one.png), self._inside.findings.warning
        try:
            ids = read_panoptic(one.png)
        except FileFlawError as flaw:
            self._inside.flawed("png", one.png, flaw)
            return
        size, (height, width) = size_of(one.path), ids.shape
        if size and size != (width, height):
            fault = f"is {width} x {height}, and {self._inside.member(one.path)} is {size[0]} x {size[1]}"
            self._inside.findings.error("png size", member, fault, "Give it the size of its image.")
            return
        shown, pixels = np.unique(ids, return_counts=True)
        listed = self._data.segments.ids[self._data.segments.rows(place)]
        self._found.update(listed=len(listed), shared=len(np.intersect1d(shown, listed)))
        if lost := sorted(set(listed.tolist()) - set(shown.tolist())):
            fault = f"has no pixel of {len(lost)} segments, {lost[0]} the first: they are left out"
            note("no pixel", member, fault, _IDS)
        if alien := sorted(set(shown.tolist()) - set(listed.tolist()) - {VOID}):
            fault = f"has pixels of {len(alien)} ids that {ANNOTATIONS} does not list, {alien[0]} the first"
            note("alien", member, f"{fault}: they are taken as void", _IDS)
        self._check_areas(place, dict(zip(shown.tolist(), pixels.tolist(), strict=True)))

    def _check_areas(self, place: int, pixels: Mapping[int, int]) -> None:
        rows = self._data.segments.rows(place)
        listed = zip(
            self._data.segments.ids[rows].tolist(), self._data.segments.areas[rows].tolist(), strict=True
        )
        wrong = [own for own, area in listed if area >= 0 and pixels.get(own, area) != area]
        if wrong:
            fault = f"has other areas than {ANNOTATIONS} says for {len(wrong)} segments, {wrong[0]} the first"
            member = self._inside.member(self._data.samples[place].png)
            self._inside.findings.warning(
                "areas", member, fault, "Count the areas anew; the pixels are taken."
            )
