"""Looks into pulled CenterPose datasets: images and annotations of the same names, and what these say."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.inside import Inside
from tunesmith.data.objectron import SPLITS, ObjectronData, Split, read_annotation
from tunesmith.data.partners import Kind

_MOST_CLASSES = 1000


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by split, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = ObjectronData(inside.folder)
    frames: dict[str, int] = {}
    annotated: dict[str, int] = {}
    objects: dict[str, dict[str, int]] = {}
    images: list[Path] = []
    for split in filter(data.has, SPLITS):
        found, annotations = data.images(split), data.annotations(split)
        pairs = found.by_key.keys() & annotations.by_key.keys()
        frames[split], annotated[split] = len(found.by_key), len(pairs)
        images += found.by_key.values()
        _check_partners(inside, split, found, annotations)
        objects[split] = _count(inside, [annotations.by_key[name] for name in sorted(pairs)])
        if pairs and not objects[split]:
            inside.findings.error(
                "no object", f"{split}.tar.gz", "annotates no object at all", "Annotate the objects."
            )
    return {"images": frames, "annotated": annotated, "objects": objects, "decoded": inside.decode(images)}


def _check_partners(inside: Inside, split: Split, images: Kind, annotations: Kind) -> None:
    findings = inside.findings
    pairs = images.by_key.keys() & annotations.by_key.keys()
    if not images.by_key:
        findings.error(
            "empty", f"{split}.tar.gz", "holds no image", "Put images into it and upload it again."
        )
    elif not pairs and split != "test":
        findings.error(
            "unannotated",
            f"{split}.tar.gz",
            "has no image with an annotation",
            "Put a JSON file of the same name beside each image.",
        )
    elif not pairs:
        findings.warning(
            "unannotated",
            f"{split}.tar.gz",
            "has no annotation: its images can be predicted on, but not measured with",
            "Put a JSON file of the same name beside each image if the poses are known.",
        )
    elif split != "test":
        _note(inside, images, images.by_key.keys() - pairs, "has no annotation", "JSON file")
    _note(inside, annotations, annotations.by_key.keys() - pairs, "has no image", "image")
    for path in [*images.repeated, *annotations.repeated]:
        findings.warning(
            "repeated",
            inside.member(path),
            "has the name of another file and is left out",
            "Give each image a name of its own.",
        )


def _note(inside: Inside, kind: Kind, names: Collection[str], what: str, partner: str) -> None:
    for name in sorted(names):
        inside.findings.warning(
            what,
            inside.member(kind.by_key[name]),
            f"{what} and is left out",
            f"Put the {partner} of the same name beside it, or remove it.",
        )


def _count(inside: Inside, annotations: Collection[Path]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for path in annotations:
        inside.keep_going()
        try:
            annotation = read_annotation(path)
        except FileFlawError as flaw:
            inside.flawed("annotation", path, flaw)
        else:
            counts.update(one.name or "object" for one in annotation.objects)
    return dict(sorted(counts.most_common(_MOST_CLASSES)))
