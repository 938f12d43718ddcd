"""COCO datasets in their folders: what annotations.json says, brought together with the images."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.boxes import CORNERS, fit
from tunesmith.data.coco import CocoImage, CocoSet
from tunesmith.data.coco_reading import parse_coco
from tunesmith.data.findings import Findings
from tunesmith.data.image_files import ImageFiles, size_of
from tunesmith.data.json_stream import ignore_chunk
from tunesmith.data.pulled import PulledFolder

ANNOTATIONS, IMAGES = "annotations.json", "images.tar.gz"


@dataclass(frozen=True, eq=False)
class CocoData:
    """A dataset, ready to be used: every image is there, and every box in its image and of some area.

    Attributes:
        annotated: what the file says, without what cannot be used. The sizes of all images are known.
        paths: the files of the images, in their order.
    """

    annotated: CocoSet
    paths: tuple[Path, ...]

    @classmethod
    def open(cls, pulled: Path, *, masks: bool = False, annotations: Path | None = None) -> "CocoData":
        """The dataset in the cache folder of a finished pull.

        If `masks`, annotations without a mask are left out unless none has one. `annotations` is a file in
        the place of the dataset's own.

        Raises:
            DatasetError: with everything that is wrong with it.
        """
        findings = Findings()
        folder = PulledFolder(pulled)
        files = ImageFiles(folder.extracted / "images")
        data = load_coco(annotations or folder.files / ANNOTATIONS, files, findings, masks=masks)
        findings.raise_errors()
        return data


def load_coco(
    path: Path,
    files: ImageFiles,
    findings: Findings,
    *,
    masks: bool = False,
    on_step: Callable[[], None] = ignore_chunk,
) -> CocoData:
    """A file of instances and its images, as far as they are whole; what is wrong goes to the findings.

    `on_step` is called at least once a second; what it raises ends the work.

    Raises:
        FileFlawError: the file is no JSON object.
    """
    parsed = parse_coco(path, findings, masks=masks, on_chunk=on_step)
    paths = find_images(parsed.images, files, findings, on_step)
    images = [_sized(image, path, on_step) for image, path in zip(parsed.images, paths, strict=True)]
    here = np.array([path is not None for path in paths], np.bool_)
    whole = _without_absent(replace(parsed, images=tuple(images)), here)
    fitted = _fit_boxes(_fit_masks(whole, findings), findings)
    if masks:
        fitted = _with_masks(fitted, findings)
    return CocoData(fitted, tuple(path for path in paths if path))


def find_images(
    images: tuple[CocoImage, ...], files: ImageFiles, findings: Findings, on_step: Callable[[], None]
) -> list[Path | None]:
    """The file of each image. An image without one, or two with the same one, are errors."""
    taken: dict[Path, str] = {}
    found = []
    for image in images:
        on_step()
        path = files.find(image.name)
        if path is None:
            fault = f"holds no {image.name[:100]!r}, which {ANNOTATIONS} lists"
            remedy = f"Add the image, or remove it and its annotations from {ANNOTATIONS}."
            findings.error("no file", IMAGES, fault, remedy)
        elif path in taken:
            fault = f"lists {image.name[:100]!r} and {taken[path][:100]!r}, for which {IMAGES} holds one file"
            findings.error("same file", ANNOTATIONS, fault, "List each image once, under its own name.")
            path = None
        else:
            taken[path] = image.name
        found.append(path)
    return found


def _sized(image: CocoImage, path: Path | None, on_step: Callable[[], None]) -> CocoImage:
    if image.width or path is None:
        return image
    on_step()
    width, height = size_of(path) or (0, 0)
    return replace(image, width=width, height=height)


def _without_absent(parsed: CocoSet, here: NDArray[np.bool_]) -> CocoSet:
    kept = parsed.select(here[parsed.image_of])
    images = tuple(image for image, is_here in zip(parsed.images, here, strict=True) if is_here)
    index = np.cumsum(here) - 1
    return replace(kept, images=images, image_of=index[kept.image_of])


def _fit_masks(parsed: CocoSet, findings: Findings) -> CocoSet:
    """Without the masks that are encoded for images of another size: they fit nowhere."""
    if parsed.segments is None:
        return parsed
    misfits = parsed.segments.misfits(parsed.sizes())
    for row in misfits:
        image = parsed.images[int(parsed.image_of[row])]
        fault = (
            f"has in annotations[{parsed.places[row]}] an RLE of another size than its image "
            f"{image.name[:60]!r}, which is {image.width} x {image.height}"
        )
        findings.error(
            "mask size", ANNOTATIONS, fault, "Encode the mask in the size of its image: [height, width]."
        )
    fits = np.ones(len(parsed), np.bool_)
    fits[misfits] = False
    return parsed.select(fits)


def _fit_boxes(parsed: CocoSet, findings: Findings) -> CocoSet:
    fitted = fit(parsed.boxes, parsed.sizes())
    for rows, kind, what in (
        (fitted.flat, "flat", "a box of no width or height: it is left out"),
        (fitted.outside, "outside", "a box outside its image: it is left out"),
        (fitted.cut, "cut", "a box that leaves its image: it is cut at the edge"),
    ):
        for row in np.flatnonzero(rows):
            x1, y1, x2, y2 = (round(float(one), 1) for one in parsed.boxes[row])
            image = parsed.images[int(parsed.image_of[row])]
            of = f"{[x1, y1, round(x2 - x1, 1), round(y2 - y1, 1)]} in {image.width} x {image.height}"
            fault = f"has in annotations[{parsed.places[row]}] {what} ({of})"
            findings.warning(kind, ANNOTATIONS, fault, CORNERS)
    return replace(parsed, boxes=fitted.boxes).select(fitted.kept)


def _with_masks(fitted: CocoSet, findings: Findings) -> CocoSet:
    given = fitted.segments.given if fitted.segments else np.zeros(len(fitted), np.bool_)
    if given.all() or not given.any():
        return fitted
    fault = f"has {int((~given).sum())} annotations without a segmentation: they are left out"
    findings.warning("no mask", ANNOTATIONS, fault, "Add polygons or RLE to them.")
    return fitted.select(given)
