"""Looks into pulled images without annotations: to predict on them."""

from tunesmith.data.checks.annotated import check_files
from tunesmith.data.classes import check_classes
from tunesmith.data.findings import Counts
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.inside import Inside


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: how many images there are, and whether its classes can be read.

    Raises:
        PullStoppedError: asked to stop.
    """
    files = ImageFiles(inside.archive("images"))
    check_files(inside, "images.tar.gz", files)
    counts: Counts = {"images": len(files.paths), "decoded": inside.decode(files.paths)}
    if listed := inside.layout.classes:
        counts["listed_classes"] = len(check_classes(inside.file(listed), inside.findings))
    return counts
