"""Looks into pulled image classification datasets of the format custom."""

from collections import Counter

from tunesmith.data.checks.classification import check_content
from tunesmith.data.custom_images import LIST, CustomImages, Labelled
from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.inside import Inside

_MOST_CLASSES = 1000


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: counts by archive and by class of the list, and findings.

    Raises:
        PullStoppedError: asked to stop.
    """
    data = CustomImages(inside.folder)
    for tree in data.trees:
        check_content(tree.folder.name, tree, inside.findings)
    labelled = _labelled(inside, data)
    per_class = Counter(one.label for one in labelled)
    return {
        "images": {tree.folder.name: len(tree.images()) for tree in data.trees},
        "classes": {LIST: dict(per_class.most_common(_MOST_CLASSES))},
        "decoded": inside.decode([path for tree in data.trees for path in tree.images()]),
    }


def _labelled(inside: Inside, data: CustomImages) -> list[Labelled]:
    listed = inside.file(LIST)
    try:
        rows = data.rows()
    except FileFlawError as flaw:
        inside.flawed("list", listed, flaw)
        return []
    if not rows:
        inside.findings.error("list", LIST, "labels no image", "Write path,label on each line.")
    found: dict[str, Labelled] = {}
    for row in rows:
        inside.keep_going()
        try:
            one = data.resolve(row)
        except FileFlawError as flaw:
            inside.flawed("row", listed, flaw)
            continue
        if found.setdefault(str(one.path), one).label != one.label:
            inside.findings.error(
                "two labels",
                LIST,
                f"gives {row.values['path'][:80]!r} a second label in line {row.number}",
                "Remove one of the lines.",
            )
    return list(found.values())
