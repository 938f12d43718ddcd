"""Looks into pulled datasets of images and masks: names and sizes that match, and values that are classes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.decoding import sample
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_files import size_of
from tunesmith.data.inside import Inside
from tunesmith.data.mask_files import IGNORED, MOST_VALUES, read_class_mask, two_classes
from tunesmith.data.progress import PullProgress
from tunesmith.data.types import Intent
from tunesmith.data.unet import MASKED, SPLITS, UnetData, UnetSplit

Histogram = NDArray[np.int64]
"""Pixels by value, 0 to 255."""


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, pixels by value of the masks, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = UnetData(inside.folder)
    splits = [data.split(name) for name in SPLITS]
    for split in splits:
        inside.keep_going()
        if split.name in MASKED:
            _check_partners(inside, split)
            _check_sizes(inside, split)
        elif not split.image_files.paths:
            fault = "holds no image"
            inside.findings.warning(
                "no image", f"images/{split.name}.tar.gz", fault, "Add images to predict on."
            )
    pixels = _count_pixels(inside, [one.mask for split in splits for one in split.samples])
    _check_values(inside, pixels)
    return {
        "images": {split.name: len(split.image_files.paths) for split in splits},
        "masks": {split.name: len(split.samples) for split in splits if split.name in MASKED},
        "mask_pixels": {str(value): int(pixels[value]) for value in np.flatnonzero(pixels)},
        "decoded": inside.decode([path for split in splits for path in split.image_files.paths]),
    }


def _check_partners(inside: Inside, split: UnetSplit) -> None:
    findings, archive = inside.findings, f"masks/{split.name}.tar.gz"
    images, masks = split.images, split.masks
    if not split.samples:
        fault = "holds no mask that has the name of an image"
        note = findings.error if _is_needed(inside, split.name) else findings.warning
        note("empty", archive, fault, "Name masks as their images: 1.png for 1.jpg.")
    for stem in sorted(images.by_stem.keys() - masks.by_stem.keys()):
        member = inside.member(images.by_stem[stem])
        findings.warning("no mask", member, "has no mask and is left out", f"Add {stem}.png to {archive}.")
    for stem in sorted(masks.by_stem.keys() - images.by_stem.keys()):
        fault = f"has no image in images/{split.name}.tar.gz"
        remedy = "Add the image, or remove the mask."
        findings.error("no image", inside.member(masks.by_stem[stem]), fault, remedy)
    for path in [*images.repeated, *masks.repeated]:
        fault = "has the name of another file and is left out"
        findings.warning("repeated", inside.member(path), fault, "Give each image a name of its own.")


def _is_needed(inside: Inside, split: str) -> bool:
    """Whether nothing can be done without the split. A set that is only measured needs no images to learn."""
    return split == "val" or not inside.intents or Intent.TRAINING in inside.intents


def _check_sizes(inside: Inside, split: UnetSplit) -> None:
    samples = split.samples
    chosen = range(len(samples)) if inside.all_images else sample(range(len(samples)))
    for place in chosen:
        inside.keep_going()
        pair = samples[place]
        size, other = size_of(pair.image), size_of(pair.mask)
        if size and other and size != other:
            inside.findings.error(
                "size",
                inside.member(pair.mask),
                f"is {other[0]} x {other[1]}, and its image {size[0]} x {size[1]}",
                "Give both the same size, and mind that images are turned by their EXIF orientation.",
            )


def _count_pixels(inside: Inside, masks: list[Path]) -> Histogram:
    """The pixels of each value, in all masks or in a sample of many."""
    pixels = np.zeros(MOST_VALUES, np.int64)
    chosen = masks if inside.all_images else sample(masks)
    for done, path in enumerate(chosen):
        inside.keep_going()
        inside.on_progress(PullProgress("checking", done, len(chosen)))
        try:
            pixels += np.bincount(read_class_mask(path).ravel(), minlength=MOST_VALUES)
        except FileFlawError as flaw:
            inside.flawed("mask", path, flaw)
    return pixels


def _check_values(inside: Inside, pixels: Histogram) -> None:
    values = np.flatnonzero(pixels)
    if not len(values) or two_classes(values):
        return
    classes = values[values != IGNORED]
    if not len(classes) or classes.max() == 0:
        fault = "show a single class: there is nothing to tell apart"
        remedy = "Write the index of its class into each pixel, or 0 and 255."
        inside.findings.error("one class", "masks", fault, remedy)
        return
    if IGNORED in values:
        fault = f"have {pixels[IGNORED]} pixels of the value 255 beside class indices: they are ignored"
        remedy = "Nothing need be done, unless 255 stands for a class: then write its index."
        inside.findings.warning("ignored", "masks", fault, remedy)
    if gaps := sorted(set(range(int(classes.max()))).difference(classes.tolist())):
        shown = ", ".join(map(str, gaps[:10])) + (" and more" if len(gaps) > 10 else "")
        fault = f"have values up to {classes.max()}, but none of {shown}"
        remedy = "Nothing need be done if these classes are rare; otherwise number the classes from 0 on."
        inside.findings.warning("gaps", "masks", fault, remedy)
