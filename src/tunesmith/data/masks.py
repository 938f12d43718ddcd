"""Masks as annotations hold them, polygons and run-length encodings, and as arrays of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
"""Height x width; true inside."""

Runs = NDArray[np.uint32]
"""Lengths of runs of pixels, column by column, outside and inside by turns, the first one outside."""

Polygons = tuple[NDArray[np.float32], ...]
"""Of each part its corners: shape (corners, 2), x and y in pixels."""

LARGEST = 1e6
"""Pixels; no image is larger."""

MOST_PIXELS = 178_956_970
"""Larger images are not opened."""


class MaskError(ValueError):
    """An annotation's mask is malformed; the message says how, to follow `has`."""


@dataclass(frozen=True, eq=False)
class Rle:
    """A run-length encoded mask of the size of its image."""

    height: int
    width: int
    runs: Runs

    @property
    def area(self) -> int:
        """Pixels inside."""
        return int(self.runs[1::2].sum(dtype=np.int64))

    def mask(self) -> Mask:
        """The pixels."""
        inside = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(inside, self.runs).reshape(self.width, self.height).T


def encode(mask: Mask) -> Rle:
    """The run-length encoding of a mask."""
    height, width = mask.shape
    pixels = mask.T.ravel()
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    edges = np.concatenate([[0], changes, [pixels.size]])
    runs = np.diff(edges).astype(np.uint32)
    first = np.zeros(int(pixels.size > 0 and bool(pixels[0])), np.uint32)
    return Rle(height, width, np.concatenate([first, runs]))


def as_coco(mask: Mask) -> dict[str, Any]:
    """A mask as COCO's results have it."""
    rle = encode(mask)
    return {"size": [rle.height, rle.width], "counts": compress(rle.runs)}


def parse_rle(value: Any) -> Rle:
    """COCO's `{"size": [height, width], "counts": ...}`, whose counts are a list, or a compressed text.

    Raises:
        MaskError: it is malformed, or its runs do not add up to its size.
    """
    size, counts = value.get("size"), value.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(type(one) is int and one > 0 for one in size)):
        raise MaskError("an RLE whose size is not [height, width]")
    height, width = size
    if height * width > MOST_PIXELS:
        raise MaskError("an RLE with more pixels than are safe to open")
    runs = _decompressed(counts) if isinstance(counts, str) else _listed(counts)
    if (total := int(runs.sum())) != height * width:
        raise MaskError(f"an RLE whose counts add up to {total}, not to {height} x {width}")
    return Rle(height, width, runs.astype(np.uint32))


def compress(runs: Runs) -> str:
    """Counts as COCO's compressed text."""
    values = [int(run) for run in runs]
    deltas = [value - values[place - 2] if place > 2 else value for place, value in enumerate(values)]
    return "".join(_signs(delta) for delta in deltas)


def parse_polygons(value: Sequence[Any]) -> tuple[list[float], ...]:
    """COCO's `[[x1, y1, x2, y2, ...], ...]` as it stands; what has fewer than three corners is left out.

    Raises:
        MaskError: a part is no list of numbers of an even length.
    """
    for part in value:
        if not isinstance(part, list) or len(part) % 2:
            raise MaskError("a polygon that is no list of x1, y1, x2, y2, ...")
        if not _are_numbers(part):
            raise MaskError("a polygon with something else than numbers of pixels")
    return tuple(part for part in value if len(part) >= 6)


def as_polygons(parts: Sequence[Sequence[float]]) -> Polygons:
    """The parts of a mask as arrays of corners."""
    return tuple(np.array(part, np.float32).reshape(-1, 2) for part in parts)


def fill(polygons: Polygons, height: int, width: int) -> Mask:
    """The pixels whose centres are inside of one of the polygons at least, in an image of this size."""
    mask = np.zeros((height, width), np.bool_)
    for part in polygons:
        corners = part.astype(np.float64)
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, (width, height)).astype(int)
        if left < right and top < bottom:
            within = _inside(corners - (left, top), bottom - top, right - left)
            mask[top:bottom, left:right] |= within
    return mask


def box_of(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is inside, right and bottom excluded; zeros if nothing is."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _are_numbers(values: list[Any]) -> bool:
    """Whether all are numbers of a sensible size, which NaN is not. Fast: large files hold millions."""
    return set(map(type, values)) <= {int, float} and all(-LARGEST <= one <= LARGEST for one in values)


def _inside(corners: NDArray[np.float64], height: int, width: int) -> Mask:
    """Each edge flips all pixels to its right; what is flipped an odd number of times is inside."""
    start, end = corners, np.roll(corners, -1, axis=0)
    top, bottom = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(top - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(bottom - 0.5), 0, height).astype(np.int64)
    edges = np.repeat(np.arange(len(corners)), last - first)
    before = np.cumsum(last - first) - (last - first)
    rows = np.arange(len(edges)) - before[edges] + first[edges]
    (x1, y1), (x2, y2) = start[edges].T, end[edges].T
    crossing = x1 + (rows + 0.5 - y1) / (y2 - y1) * (x2 - x1)
    columns = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    flips = np.bincount(rows * (width + 1) + columns, minlength=height * (width + 1))
    mask: Mask = np.cumsum(flips.reshape(height, width + 1), axis=1)[:, :width] % 2 == 1
    return mask


def _listed(counts: Any) -> NDArray[np.int64]:
    if not isinstance(counts, list) or not {type(one) for one in counts} <= {int}:
        raise MaskError("an RLE whose counts are neither a list of whole numbers nor a text")
    if not all(0 <= one <= MOST_PIXELS for one in counts):
        raise MaskError("an RLE with a negative or a huge count")
    return np.array(counts, np.int64)


def _decompressed(text: str) -> NDArray[np.int64]:
    """Five bits a character, the lowest first; from the fourth on each is added to the last count but one."""
    codes = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64) - 48
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise MaskError("an RLE whose counts are no compressed text of COCO's")
    ends = np.flatnonzero(codes & 32 == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if (ends - starts).max() > 6:
        raise MaskError("an RLE with a huge count")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, ends - starts + 1))
    counts = np.add.reduceat((codes & 31) << shifts, starts)
    counts -= np.where(codes[ends] & 16, np.int64(1) << (shifts[ends] + 5), 0)
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    if counts.min() < 0 or counts.max() > MOST_PIXELS:
        raise MaskError("an RLE with a negative or a huge count")
    return counts


def _signs(value: int) -> str:
    """A whole number as characters of five bits; the sixth tells that more follow."""
    signs = ""
    while True:
        bits, value = value & 31, value >> 5
        more = value != (-1 if bits & 16 else 0)
        signs += chr(48 + bits + 32 * more)
        if not more:
            return signs
