"""Looks into pulled segmentation datasets of images and masks: stems, sizes, and the values of masks."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.class_masks import VALUES, ClassMask, histogram, read_class_mask
from tunesmith.data.decoding import sample
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.image_files import size_of
from tunesmith.data.inside import Inside
from tunesmith.data.progress import PullProgress
from tunesmith.data.stems import Stems
from tunesmith.data.types import Intent
from tunesmith.data.unet import MASKED, SPLITS, Split, UnetData

IGNORED = 255
_MOST_VALUES = 200
"""More than any known set has classes; masks that were scaled with blending have about all 256."""
_INDICES = "Write the index of its class into each pixel: 0, 1, 2 and so on, or 0 and 255 for two classes."
_Histogram = NDArray[np.int64]


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, the pixels of each value, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = UnetData(inside.folder)
    pairs = {str(split): _pairs(inside, data, split) for split in SPLITS}
    values = {split: _look_at_masks(inside, found) for split, found in pairs.items() if found}
    _check_values(inside, values)
    images = [path for split in SPLITS for path in data.images[split].by_stem.values()]
    return {
        "images": {str(split): len(data.images[split].by_stem) for split in SPLITS},
        "masks": {split: len(found) for split, found in pairs.items()},
        "mask_pixels": {split: _counted(found) for split, found in values.items()},
        "decoded": inside.decode(images),
    }


def _pairs(inside: Inside, data: UnetData, split: Split) -> dict[Path, Path]:
    """The masks of a split with their images; what has no partner is told."""
    images, masks = data.images[split], data.masks[split]
    for stem in sorted(masks.by_stem.keys() - images.by_stem.keys()):
        member = inside.member(masks.by_stem[stem])
        remedy = f"Add the image to images/{split}.tar.gz, or remove the mask."
        inside.findings.error("no image", member, "has no image of the same name", remedy)
    if split in MASKED:
        for stem in sorted(images.by_stem.keys() - masks.by_stem.keys()):
            member = inside.member(images.by_stem[stem])
            remedy = f"Add a mask of this name to masks/{split}.tar.gz, or remove the image."
            inside.findings.warning("no mask", member, "has no mask and is left out", remedy)
    elif not images.by_stem:
        fault = "holds no image: there is none to predict on"
        inside.findings.warning(
            "no test", f"images/{split}.tar.gz", fault, "Add some if you want to predict."
        )
    _check_repeated(inside, images, masks)
    found = {path: images.by_stem[stem] for stem, path in masks.by_stem.items() if stem in images.by_stem}
    if not found and _is_needed(inside, split):
        fault = "holds no mask of an image"
        remedy = f"Add PNG masks with the names of the images of images/{split}.tar.gz."
        inside.findings.error("empty", f"masks/{split}.tar.gz", fault, remedy)
    return found


def _is_needed(inside: Inside, split: Split) -> bool:
    uses = inside.intents or (Intent.TRAINING,)
    # A training measures itself with val as well.
    return split in MASKED and (Intent.TRAINING in uses or (split == "val" and Intent.EVALUATION in uses))


def _check_repeated(inside: Inside, images: Stems, masks: Stems) -> None:
    for path in [*images.repeated, *masks.repeated]:
        fault = "has the name of another file and is left out"
        inside.findings.warning("repeated", inside.member(path), fault, "Give each image a name of its own.")


def _look_at_masks(inside: Inside, images: Mapping[Path, Path]) -> _Histogram:
    """The pixels of each value, in all masks or in a sample of many."""
    total = np.zeros(VALUES, np.int64)
    paths = list(images)
    chosen = paths if inside.all_images else sample(paths)
    for done, path in enumerate(chosen):
        inside.keep_going()
        inside.on_progress(PullProgress("checking", done, len(chosen)))
        try:
            mask = read_class_mask(path)
        except FileFlawError as flaw:
            inside.flawed("mask", path, flaw)
            continue
        _check_size(inside, path, mask, images[path])
        total += histogram(mask)
    return total


def _check_size(inside: Inside, path: Path, mask: ClassMask, image: Path) -> None:
    size, (height, width) = size_of(image), mask.shape
    if size and size != (width, height):
        turned = " (as its EXIF orientation shows it)" if size == (height, width) else ""
        fault = f"is {width} x {height}, and {inside.member(image)} is {size[0]} x {size[1]}{turned}"
        inside.findings.error("size", inside.member(path), fault, "Give a mask the size of its image.")


def _check_values(inside: Inside, values: Mapping[str, _Histogram]) -> None:
    for split, pixels in values.items():
        archive = f"masks/{split}.tar.gz"
        found = np.flatnonzero(pixels)
        if len(found) > _MOST_VALUES:
            fault = (
                f"has {len(found)} values in its masks, as masks have that were scaled or stored with losses"
            )
            inside.findings.error("values", archive, fault, _INDICES)
        elif len(found) == 1:
            fault = f"has the value {found[0]} alone in its masks: there is nothing to tell apart"
            inside.findings.warning("one value", archive, fault, _INDICES)
        elif len(found) and list(found) != [0, IGNORED]:
            _check_gaps(inside, archive, found[found != IGNORED])
    _check_splits(inside, values)


def _check_gaps(inside: Inside, archive: str, found: NDArray[np.intp]) -> None:
    missing = sorted(set(range(int(found.max(initial=0)))).difference(found.tolist()))
    if missing:
        shown = ", ".join(map(str, missing[:6])) + (" and more" if len(missing) > 6 else "")
        fault = f"has masks with values up to {found.max()}, but no pixel of {shown}"
        inside.findings.warning("gap", archive, fault, _INDICES)


def _check_splits(inside: Inside, values: Mapping[str, _Histogram]) -> None:
    """Whether classes are measured that nobody could learn."""
    train = values.get("train")
    if train is None or not train.any():
        return
    for split in ("val", "test"):
        alien = np.flatnonzero((values.get(split, np.zeros(VALUES)) > 0) & (train == 0))
        if len(alien):
            shown = ", ".join(map(str, alien[:6])) + (" and more" if len(alien) > 6 else "")
            fault = f"has the values {shown} in its masks, which those of train do not have"
            inside.findings.warning("alien", f"masks/{split}.tar.gz", fault, "Add examples to train.")


def _counted(pixels: _Histogram) -> dict[str, int]:
    return {str(value): int(count) for value, count in enumerate(pixels) if count}
