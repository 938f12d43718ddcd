"""Looks into pulled image classification datasets: every fault is a finding with its remedy."""

from collections import Counter
from collections.abc import Collection
from difflib import get_close_matches

from tunesmith.data.classes import canonical, check_classes
from tunesmith.data.classmap import read_classmap
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts, Findings
from tunesmith.data.image_tree import ImageTree, image_tree
from tunesmith.data.inside import Inside
from tunesmith.data.types import Intent

_INTO_CLASS = "Move it into the folder of its class."


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by archive, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    findings, listed = inside.findings, inside.layout.classes
    classes = _classes(inside, listed) if listed else ()
    trees = {
        path.name: image_tree(path, classes) for path in sorted(inside.folder.extracted.glob("images_*"))
    }
    if Intent.TRAINING in inside.intents and len(trees) > 1 and "images_train" not in trees:
        remedy = "Upload the images to learn from, or leave one archive, which is then used for everything."
        findings.error("nothing to learn", "images_train.tar.gz", "is missing", remedy)
    for archive, tree in trees.items():
        inside.keep_going()
        check_content(archive, tree, findings)
        if classes and listed:
            optional = archive == "images_test" or inside.only_for_testing
            _check_labels(archive, tree, (listed, classes), optional, findings)
    return {
        "images": {archive: len(tree.images()) for archive, tree in trees.items()},
        "classes": {archive: _per_class(tree, classes) for archive, tree in trees.items()},
        "decoded": inside.decode([path for tree in trees.values() for path in tree.images()]),
    }


def _classes(inside: Inside, listed: str) -> tuple[str, ...]:
    path = inside.file(listed)
    if path.suffix != ".json":
        return check_classes(path, inside.findings)
    try:
        return read_classmap(path)
    except FileFlawError as flaw:
        inside.flawed("classes", path, flaw)
        return ()


def _per_class(tree: ImageTree, classes: Collection[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for folder, images in tree.by_folder.items():
        counts[canonical(folder)] += len(images)
    return {name: counts[name] for name in classes if counts[name]}


def check_content(archive: str, tree: ImageTree, findings: Findings) -> None:
    """Report an archive without images, and files that are none."""
    if not tree.images():
        findings.error(
            "empty", f"{archive}.tar.gz", "holds no image", "Put images into it and upload it again."
        )
    for path in tree.others:
        findings.warning(
            "other", tree.member(path), "is not an image and is left out", "Remove or convert it."
        )


def _check_labels(
    archive: str, tree: ImageTree, declared: tuple[str, tuple[str, ...]], optional: bool, findings: Findings
) -> None:
    listed, classes = declared
    counts = _per_class(tree, classes)
    if optional and not counts:
        findings.warning(
            "unlabelled",
            f"{archive}.tar.gz",
            "has no folder of a class: its images can be predicted on, but not measured with",
            "Sort the images into class folders if their classes are known.",
        )
        return
    for folder, images in tree.by_folder.items():
        if images and canonical(folder) not in classes:
            findings.error(
                "unknown class",
                tree.member(tree.root / folder),
                f"is a folder of {len(images)} images whose name is not in {listed}",
                _nearest(canonical(folder), listed, classes),
            )
    for path in tree.loose:
        findings.error("loose", tree.member(path), "lies outside the class folders", _INTO_CLASS)
    for name in classes:
        if name not in counts:
            findings.warning(
                "no image",
                f"{archive}.tar.gz",
                f"the class {name!r} of {listed} has no image",
                f"Add images in a folder {name!r}, or remove the class from {listed}.",
            )


def _nearest(folder: str, listed: str, classes: Collection[str]) -> str:
    near = get_close_matches(folder, classes, n=1)
    if near:
        return f"Rename the folder to {near[0]!r}, or add the class to {listed}."
    return f"Add the class to {listed}, or remove the folder."
