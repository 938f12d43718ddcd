"""Looks into pulled change segmentation datasets: A, B, label and list must agree by name and size."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from tunesmith.data.decoding import sample
from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.images import upright_size
from tunesmith.data.inside import Inside
from tunesmith.data.levircd import SPLITS, ChangePair, LevirData, read_change
from tunesmith.data.progress import PullProgress
from tunesmith.data.types import Intent

_USES = {
    Intent.TRAINING: ("train",),
    Intent.EVALUATION: ("test", "val"),
    Intent.TESTING: ("predict", "test", "val"),
}
_LABELLED = ("train", "val", "test")


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = LevirData(inside.folder)
    names = {split: _names(inside, data, split) for split in SPLITS}
    _check_splits(inside, names)
    pairs = {split: _pairs(inside, data, split, names[split]) for split in SPLITS}
    _check_unlisted(inside, data, {name for listed in names.values() for name in listed})
    labelled = [pair for split in _LABELLED for pair in pairs[split]]
    _check_sizes(inside, labelled + pairs["predict"])
    changed = _count_changes(inside, list({pair.label: pair for pair in labelled if pair.label}))
    if changed["unchanged"] and not changed["changed"] and not inside.only_for_testing:
        fault = "marks no change at all in the labels looked at"
        inside.findings.warning("no change", "label.tar.gz", fault, "Check that changes are marked by 255.")
    images = {part: len(paths) for part, paths in data.images.items()}
    used = {path for found in pairs.values() for pair in found for path in (pair.before, pair.after)}
    return {
        "images": images,
        "pairs": {split: len(found) for split, found in pairs.items()},
        "label_pixels": changed,
        "decoded": inside.decode(sorted(used)),
    }


def _names(inside: Inside, data: LevirData, split: str) -> list[str]:
    try:
        return data.names(split)
    except FileFlawError as flaw:
        inside.flawed("list", data.list_file(split) or inside.archive("list"), flaw)
        return []


def _check_splits(inside: Inside, names: dict[str, list[str]]) -> None:
    """Whether there is a list for each use, and no image is learnt from and measured with."""
    for use in inside.intents or (Intent.TRAINING,):
        wanted = _USES[Intent(use)]
        if not any(names[split] for split in wanted):
            inside.findings.error(
                "list",
                "list.tar.gz",
                f"has no {' or '.join(f'{split}.txt' for split in wanted)} that names an image",
                "Write the names of the images of the split into it, one a line.",
            )
    if names["train"] and not names["val"]:
        inside.findings.warning(
            "no val",
            "list.tar.gz",
            "has no val.txt that names an image: a training has nothing to measure itself with",
            "Move some lines of train.txt to val.txt.",
        )
    for split in ("val", "test"):
        if shared := set(names["train"]).intersection(names[split]):
            fault = (
                f"names {len(shared)} images in train.txt and in {split}.txt: what is measured is too good"
            )
            inside.findings.warning("shared", "list.tar.gz", fault, "Keep each image in one of the lists.")


def _pairs(inside: Inside, data: LevirData, split: str, names: list[str]) -> list[ChangePair]:
    found = []
    for name in names:
        inside.keep_going()
        parts = {part: data.find(part, name) for part in ("A", "B", "label")}
        for part, path in parts.items():
            if path is None and (part != "label" or split in _LABELLED):
                inside.findings.error(
                    f"no {part}",
                    f"{part}.tar.gz",
                    f"holds no {name[:80]!r}, which {split}.txt names",
                    f"Add the file, or remove the line from {split}.txt.",
                )
        if parts["A"] and parts["B"]:
            found.append(ChangePair(name, parts["A"], parts["B"], parts["label"]))
    return found


def _check_unlisted(inside: Inside, data: LevirData, names: Collection[str]) -> None:
    for part, paths in data.images.items():
        listed = {data.find(part, name) for name in names}
        for path in paths:
            if path not in listed:
                fault = "is named in no list and is left out"
                inside.findings.warning(f"unlisted {part}", inside.member(path), fault, "Add it to a list.")


def _check_sizes(inside: Inside, pairs: list[ChangePair]) -> None:
    """Whether the images of a place are alike in size; of a large set a sample is looked at."""
    places = range(len(pairs)) if inside.all_images else sample(range(len(pairs)))
    for place in places:
        inside.keep_going()
        pair = pairs[place]
        size = _size(pair.before)
        for path in (pair.after, pair.label):
            other = _size(path) if path else None
            if size and other and other != size:
                inside.findings.error(
                    "size",
                    inside.member(path or pair.before),
                    f"is {other[0]} x {other[1]}, and {inside.member(pair.before)} {size[0]} x {size[1]}",
                    "Give A, B and label of a place the same size.",
                )


def _size(image: Path) -> tuple[int, int] | None:
    try:
        return upright_size(image)
    except DatasetError:
        return None  # decoding the image says why


def _count_changes(inside: Inside, labels: list[Path]) -> dict[str, int]:
    """The pixels that changed and those that did not, in all labels or in a sample of many."""
    counts = {"unchanged": 0, "changed": 0}
    chosen = labels if inside.all_images else sample(labels)
    for done, path in enumerate(chosen):
        inside.keep_going()
        inside.on_progress(PullProgress("checking", done, len(chosen)))
        try:
            mask = read_change(path)
        except FileFlawError as flaw:
            inside.flawed("label", path, flaw)
        else:
            changed = int(np.count_nonzero(mask))
            counts["changed"] += changed
            counts["unchanged"] += mask.size - changed
    return counts
