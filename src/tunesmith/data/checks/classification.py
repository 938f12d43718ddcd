"""Looks into pulled image classification datasets: every fault is a finding with its remedy."""

from collections import Counter
from collections.abc import Collection
from difflib import get_close_matches

from tunesmith.data.classes import canonical, check_classes
from tunesmith.data.findings import Counts, Findings
from tunesmith.data.image_tree import ImageTree, image_tree
from tunesmith.data.inside import Inside

_INTO_CLASS = "Move it into the folder of its class."


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by archive, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    findings, listed = inside.findings, inside.layout.classes
    classes = check_classes(inside.file(listed), findings) if listed else ()
    trees = {
        path.name: image_tree(path, classes) for path in sorted(inside.folder.extracted.glob("images_*"))
    }
    for archive, tree in trees.items():
        inside.keep_going()
        _check_content(archive, tree, findings)
        if classes:
            optional = archive == "images_test" or inside.only_for_testing
            _check_labels(archive, tree, classes, optional, findings)
    return {
        "images": {archive: len(tree.images()) for archive, tree in trees.items()},
        "classes": {archive: _per_class(tree, classes) for archive, tree in trees.items()},
        "decoded": inside.decode([path for tree in trees.values() for path in tree.images()]),
    }


def _per_class(tree: ImageTree, classes: Collection[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for folder, images in tree.by_folder.items():
        counts[canonical(folder)] += len(images)
    return {name: counts[name] for name in classes if counts[name]}


def _check_content(archive: str, tree: ImageTree, findings: Findings) -> None:
    if not tree.images():
        findings.error(
            "empty", f"{archive}.tar.gz", "holds no image", "Put images into it and upload it again."
        )
    for path in tree.others:
        findings.warning(
            "other", tree.member(path), "is not an image and is left out", "Remove or convert it."
        )


def _check_labels(
    archive: str, tree: ImageTree, classes: tuple[str, ...], optional: bool, findings: Findings
) -> None:
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
                f"is a folder of {len(images)} images whose name is not in classes.txt",
                _nearest(canonical(folder), classes),
            )
    for path in tree.loose:
        findings.error("loose", tree.member(path), "lies outside the class folders", _INTO_CLASS)
    for name in classes:
        if name not in counts:
            findings.warning(
                "no image",
                f"{archive}.tar.gz",
                f"the class {name!r} of classes.txt has no image",
                f"Add images in a folder {name!r}, or remove the class from classes.txt.",
            )


def _nearest(folder: str, classes: Collection[str]) -> str:
    near = get_close_matches(folder, classes, n=1)
    if near:
        return f"Rename the folder to {near[0]!r}, or add the class to classes.txt."
    return "Add the class to classes.txt, or remove the folder."
