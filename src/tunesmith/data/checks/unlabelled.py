"""Looks into pulled images without labels, and into the list of classes to look for, if there is one."""

from tunesmith.data.classes import check_classes
from tunesmith.data.findings import Counts
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.inside import Inside


def check(inside: Inside) -> Counts:
    """Look into a pulled dataset: how many images there are, and which are broken.

    Raises:
        PullStoppedError: asked to stop.
    """
    images = ImageFiles(inside.archive("images"))
    check_images(inside, images)
    counts: Counts = {"images": len(images.paths), "decoded": inside.decode(images.paths)}
    if listed := inside.layout.classes:
        names = check_classes(inside.file(listed), inside.findings)
        return counts | {"classes": len(names)}
    return counts


def check_images(inside: Inside, images: ImageFiles, archive: str = "images.tar.gz") -> None:
    """Report an archive without images, and files that are none."""
    if not images.paths:
        inside.findings.error("empty", archive, "holds no image", "Put images into it and upload it again.")
    for path in images.others:
        fault = "is not an image and is left out"
        inside.findings.warning("other", inside.member(path), fault, "Remove or convert it.")
