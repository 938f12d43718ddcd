"""What checks of annotated images share: sizes, images that nobody annotated, classes that nobody used."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tunesmith.data.decoding import sample
from tunesmith.data.image_files import ImageFiles, size_of
from tunesmith.data.inside import Inside

_MOST_CLASSES = 1000
_EXIF = " It is shown turned by its EXIF orientation, and annotations count for what is shown."


def check_files(inside: Inside, archive: str, files: ImageFiles) -> None:
    """Report an archive without an image, and files in it that are none."""
    if not files.paths:
        remedy = "Put images into it and upload it again."
        inside.findings.error("empty", archive, "holds no image", remedy)
    for path in files.others:
        fault = "is not an image and is left out"
        inside.findings.warning("other", inside.member(path), fault, "Remove or convert it.")


def check_relative(inside: Inside, listed: str, reach: float) -> None:
    """Report boxes in parts of their images, of which none reaches beyond 1."""
    if 0 < reach <= 1:
        fault = "has boxes in parts of their images: none reaches beyond 1"
        remedy = "Multiply them by the width and height of their images."
        inside.findings.error("relative", listed, fault, remedy)


def check_sizes(inside: Inside, listed: str, declared: Sequence[tuple[Path, int, int]]) -> None:
    """Whether images have the width and height that a file declares; of a large set a sample is measured."""
    places = range(len(declared)) if inside.all_images else sample(range(len(declared)))
    for place in places:
        inside.keep_going()
        path, width, height = declared[place]
        size = size_of(path)
        if size and width and size != (width, height):
            turned = _EXIF if size == (height, width) else ""
            inside.findings.error(
                "size",
                inside.member(path),
                f"is {size[0]} x {size[1]}, and {listed} says {width} x {height}",
                f"Correct width and height, and the annotations with them.{turned}",
            )


def check_unused(inside: Inside, listed: str, unlisted: Iterable[Path]) -> None:
    """Report images that a file does not list."""
    for path in unlisted:
        fault = f"is not listed in {listed} and is left out"
        inside.findings.warning("unlisted", inside.member(path), fault, f"Add it to {listed}, or remove it.")


def check_background(inside: Inside, listed: str, count: int) -> None:
    """Report images without an annotation."""
    if count and not inside.only_for_testing:
        fault = f"has {count} images without an annotation: they are taken as background"
        inside.findings.warning("background", listed, fault, "Annotate them if they show something.")


def check_used(inside: Inside, listed: str, counts: Mapping[str, int]) -> None:
    """Report classes without an annotation, and annotations missing altogether."""
    if not any(counts.values()):
        if not inside.only_for_testing:
            fault = "has no annotation that can be used"
            inside.findings.error("nothing", listed, fault, "Annotate some of the images.")
        return
    for name, count in counts.items():
        if not count:
            fault = f"has no annotation of the class {name!r}"
            inside.findings.warning("unused class", listed, fault, "Add some, or remove the class.")


def most_common(counts: Mapping[str, int]) -> dict[str, int]:
    """The thousand classes with the most annotations, without those that have none."""
    return {name: count for name, count in Counter(counts).most_common(_MOST_CLASSES) if count}
