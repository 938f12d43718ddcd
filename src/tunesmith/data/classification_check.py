"""Looks into pulled image classification datasets: every fault is a finding with its remedy."""

from collections import Counter
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from tunesmith.data.classes import canonical, check_classes
from tunesmith.data.decoding import flaws, sample
from tunesmith.data.findings import DatasetReport, Findings
from tunesmith.data.image_tree import ImageTree, image_tree
from tunesmith.data.layouts import Layout
from tunesmith.data.progress import OnProgress, PullProgress, ShouldStop, raise_if
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.types import Intent

_INTO_CLASS = "Move it into the folder of its class."


def check(
    layout: Layout,
    folder: PulledFolder,
    intents: Collection[str],
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> DatasetReport:
    """The report on a pulled dataset whose archives are extracted.

    Raises:
        PullStoppedError: asked to stop.
    """
    findings = Findings()
    classes = check_classes(folder.files / layout.classes, findings) if layout.classes else ()
    trees = {path.name: image_tree(path, classes) for path in sorted(folder.extracted.glob("images_*"))}
    for archive, tree in trees.items():
        raise_if(should_stop)
        _check_content(archive, tree, findings)
        if classes:
            _check_labels(archive, tree, classes, _may_lack_labels(archive, intents), findings)
    decoded = _check_images(folder, trees, findings, on_progress, should_stop)
    return DatasetReport(
        counts={
            "images": {archive: len(tree.images()) for archive, tree in trees.items()},
            "classes": {archive: _per_class(tree, classes) for archive, tree in trees.items()},
            "decoded": decoded,
        },
        findings=findings.all(),
    )


def _per_class(tree: ImageTree, classes: Collection[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for folder, images in tree.by_folder.items():
        counts[canonical(folder)] += len(images)
    return {name: counts[name] for name in classes if counts[name]}


def _may_lack_labels(archive: str, intents: Collection[str]) -> bool:
    return archive == "images_test" or set(intents) == {Intent.TESTING}


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


def _check_images(
    folder: PulledFolder,
    trees: dict[str, ImageTree],
    findings: Findings,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> int:
    """Decode the images, or a sample of a large set; how many."""
    images = [path for tree in trees.values() for path in tree.images()]
    chosen = sample(images)

    def on_image(done: int) -> None:
        raise_if(should_stop)
        on_progress(PullProgress("checking", done, len(chosen)))

    def report(path: Path, reason: str) -> None:
        tree = trees[path.relative_to(folder.extracted).parts[0]]
        findings.error("unreadable", tree.member(path), reason, "Replace or remove the image.")

    on_image(0)
    for path, reason in flaws(chosen, on_image):
        report(path, reason)
    for path in set(images).difference(chosen):  # the cheap part of the check is for all
        if not path.stat().st_size:
            report(path, "is empty")
    return len(chosen)
