"""COCO's panoptic annotations in memory: a PNG file of segment ids for each image, and their classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.images import open_stored

VOID = 0
"""The id of pixels that belong to no segment."""

LARGEST_ID = (1 << 24) - 1
_PNG = "Write it as an RGB PNG image, each pixel of the colour R + 256 G + 65536 B = id of its segment."
_PACKED = np.array([1, 256, 65536], np.int64)


@dataclass(frozen=True, eq=False)
class SegmentTable:
    """The segments of all annotations, a row each; those of one annotation follow one another.

    Attributes:
        starts: the first row of each annotation, and the number of rows.
        ids: as the PNG files have them.
        category_of: the index of the class.
        crowd: whether it stands for a crowd.
        areas: in pixels; -1 where the file does not say.
    """

    starts: NDArray[np.int64]
    ids: NDArray[np.int64]
    category_of: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    areas: NDArray[np.int64]

    def rows(self, annotation: int) -> slice:
        """The rows of an annotation."""
        return slice(int(self.starts[annotation]), int(self.starts[annotation + 1]))

    def of(self, annotations: Sequence[int]) -> "SegmentTable":
        """The segments of some annotations, in their order."""
        chosen = np.array(annotations, np.int64)
        counts = (self.starts[1:] - self.starts[:-1])[chosen]
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        rows = np.repeat(self.starts[chosen] - starts[:-1], counts) + np.arange(starts[-1])
        return SegmentTable(
            starts, self.ids[rows], self.category_of[rows], self.crowd[rows], self.areas[rows]
        )


def read_panoptic(path: Path) -> NDArray[np.int64]:
    """The id of the segment of each pixel: height x width.

    Raises:
        FileFlawError: it is no image, a JPEG (which changes colours), or has no colours.
    """
    try:
        image = open_stored(path)
    except DatasetError:
        raise FileFlawError(path.name, "cannot be read as an image", "Replace or remove it.") from None
    if image.format == "JPEG":
        raise FileFlawError(path.name, "is a JPEG image, which does not keep colours as they were", _PNG)
    if image.mode not in ("RGB", "RGBA", "P"):
        raise FileFlawError(path.name, f"is an image of the mode {image.mode}, not RGB", _PNG)
    colours: NDArray[Any] = np.asarray(image.convert("RGBA"))[..., :3]
    ids: NDArray[np.int64] = colours @ _PACKED
    return ids
