"""Looks into pulled metric learning datasets: whether what is asked for has a reference."""

from collections.abc import Collection

from tunesmith.data.findings import Counts
from tunesmith.data.image_tree import ImageTree
from tunesmith.data.inside import Inside
from tunesmith.data.metric_learning import BASE, PARTS, MetricLearningData, Part

_MEASURED: tuple[tuple[Part, Part], ...] = (
    ("known_classes/reference", "known_classes/val"),
    ("unknown_classes/reference", "unknown_classes/test"),
)
_MOST_CLASSES = 1000


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by part and class, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = MetricLearningData(inside.folder)
    parts = {part: data.images(part) for part in PARTS}
    for part in PARTS:
        inside.keep_going()
        if (tree := data.tree(part)) is not None:
            _check_content(inside, part, tree)
    _check_training(inside, parts["known_classes/train"])
    for reference, queries in _MEASURED:
        _check_reference(inside, (reference, set(parts[reference])), (queries, set(parts[queries])))
    every = [path for part in parts.values() for paths in part.values() for path in paths]
    return {
        "images": {str(part): sum(map(len, classes.values())) for part, classes in parts.items()},
        "classes": {
            str(part): {name: len(paths) for name, paths in list(classes.items())[:_MOST_CLASSES]}
            for part, classes in parts.items()
        },
        "decoded": inside.decode(every),
    }


def _archive(part: Part) -> str:
    return f"{BASE}/{part}.tar.gz"


def _check_content(inside: Inside, part: Part, tree: ImageTree) -> None:
    if not any(tree.by_folder.values()):
        fault = "holds no class folder with images"
        inside.findings.error("empty", _archive(part), fault, "Put the images into a folder of each class.")
    for path in tree.loose:
        fault = "lies outside the class folders and is left out"
        inside.findings.warning("loose", inside.member(path), fault, "Move it into the folder of its class.")
    for path in tree.others:
        fault = "is not an image and is left out"
        inside.findings.warning("other", inside.member(path), fault, "Remove or convert it.")


def _check_training(inside: Inside, classes: Collection[str]) -> None:
    if len(classes) == 1:
        inside.findings.error(
            "one class",
            _archive("known_classes/train"),
            "has one class: there is nothing to tell it from",
            "Add the images of another class.",
        )


def _check_reference(
    inside: Inside, reference: tuple[Part, set[str]], queries: tuple[Part, set[str]]
) -> None:
    """Whether the classes that are asked for are those of the references, in both directions."""
    (here, known), (there, asked) = reference, queries
    if not known or not asked:
        return
    if not known & asked:
        fault = f"has no class in common with {here}.tar.gz: nothing can be measured"
        inside.findings.error("no reference", _archive(there), fault, "Name the class folders alike.")
        return
    for name in sorted(asked - known):
        inside.findings.warning(
            "no reference",
            _archive(there),
            f"has the class {name[:80]!r}, of which {here}.tar.gz has no image: it is not measured",
            "Add reference images of the class, or remove it.",
        )
    for name in sorted(known - asked):
        inside.findings.warning(
            "not asked",
            _archive(here),
            f"has the class {name[:80]!r}, of which {there}.tar.gz has no image: it is never asked for",
            "Add images of the class, if it is to be measured.",
        )
