"""Looks into pulled datasets to generate images from: sizes, and labels against images."""

from collections import Counter
from pathlib import Path

from tunesmith.data.decoding import sample
from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.images import upright_size
from tunesmith.data.inside import Inside
from tunesmith.data.square_images import LABELS, SquareData

_MOST_CLASSES = 1000
_MOST_SIZES = 20
Sizes = Counter[tuple[int, int]]


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by class and size, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = SquareData(inside.folder)
    if not data.images:
        remedy = "Put images into it and upload it again."
        inside.findings.error("empty", "images.tar.gz", "holds no image", remedy)
    sizes = _check_sizes(inside, data)
    classes = _check_labels(inside, data)
    return {
        "images": len(data.images),
        "classes": {LABELS: {str(label): count for label, count in classes.most_common(_MOST_CLASSES)}},
        "sizes": {f"{width} x {height}": count for (width, height), count in sizes.most_common(_MOST_SIZES)},
        "decoded": inside.decode(data.images),
    }


def _check_sizes(inside: Inside, data: SquareData) -> Sizes:
    """The sizes of all images or of a sample of many; those ready to learn from are square and alike."""
    sizes: Sizes = Counter()
    odd: dict[tuple[int, int], Path] = {}
    for path in data.images if inside.all_images else sample(data.images):
        inside.keep_going()
        try:
            size = upright_size(path)
        except DatasetError:
            continue  # decoding the image says why
        sizes[size] += 1
        odd.setdefault(size, path)
    if sizes:
        _check_alike(inside, data.list_file is not None, sizes, odd)
    return sizes


def _check_alike(inside: Inside, ready: bool, sizes: Sizes, example: dict[tuple[int, int], Path]) -> None:
    usual = sizes.most_common(1)[0][0]
    note = inside.findings.error if ready else inside.findings.warning
    then = "" if ready else ": its middle square is cut out and scaled"
    remedy = "Run dataset_convert, or cut and scale the images to squares of one size."
    for (width, height), count in sizes.items():
        member = inside.member(example[width, height])
        if width != height:
            note(
                "square", member, f"is {width} x {height}, no square, as are {count - 1} others{then}", remedy
            )
        elif (width, height) != usual:
            fault = f"is {width} x {height}, as are {count - 1} others, and most are {usual[0]} x {usual[1]}"
            note("size", member, f"{fault}{then}", remedy)


def _check_labels(inside: Inside, data: SquareData) -> Counter[int]:
    classes: Counter[int] = Counter()
    try:
        labels = data.labels()
    except FileFlawError as flaw:
        inside.flawed("labels", data.list_file or inside.file(LABELS), flaw)
        return classes
    if labels is None:
        return classes
    named: Counter[Path] = Counter()
    for name, label in labels:
        inside.keep_going()
        path = data.find(name)
        if path is None:
            fault = f"names {name[:80]!r}, which images.tar.gz does not hold"
            inside.findings.error("no image", LABELS, fault, "Add the image, or remove its label.")
            continue
        named[path] += 1
        classes[label] += 1
    for path in data.images:
        if not named[path]:
            fault = f"has no label in {LABELS} and is left out"
            inside.findings.warning("unlabelled", inside.member(path), fault, "Add its label.")
        elif named[path] > 1:
            fault = f"has {named[path]} labels in {LABELS}"
            inside.findings.error("two labels", inside.member(path), fault, "Keep one of them.")
    _check_gaps(inside, classes)
    return classes


def _check_gaps(inside: Inside, classes: Counter[int]) -> None:
    missing = [label for label in range(max(classes, default=0)) if label not in classes]
    if missing:
        fault = f"has no image of {len(missing)} classes below its largest, {missing[0]} the first"
        inside.findings.warning("gap", LABELS, fault, "Number the classes 0, 1, 2 and so on.")
