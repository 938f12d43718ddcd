"""Keeps the masks of many annotations in a few flat arrays: millions of corners in little memory."""

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.masks import Mask, Polygons, Rle, fill

_NONE, _POLYGONS, _RLE = 0, 1, 2


class Segments:
    """The masks of annotations by row, as their file has them. Processes that fork share the arrays.

    A row has two numbers: its first part and the end of its parts for polygons, its part and the height of
    its image for a run-length encoding.
    """

    def __init__(
        self, kinds: NDArray[np.uint8], numbers: NDArray[np.int64], store: "tuple[_Packed, _Packed]"
    ) -> None:
        self._kinds = kinds
        self._numbers = numbers
        self._corners, self._runs = store

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which rows have a mask."""
        given: NDArray[np.bool_] = self._kinds != _NONE
        return given

    def select(self, rows: NDArray[np.int64]) -> "Segments":
        """The masks of some rows, in their order."""
        return Segments(self._kinds[rows], self._numbers[rows], (self._corners, self._runs))

    def polygons(self, row: int) -> Polygons | None:
        """The polygons of a row; None if it has none."""
        if self._kinds[row] != _POLYGONS:
            return None
        start, stop = self._numbers[row]
        return tuple(self._corners.part(place).reshape(-1, 2) for place in range(start, stop))

    def rle(self, row: int) -> Rle | None:
        """The run-length encoding of a row; None if it has none."""
        if self._kinds[row] != _RLE:
            return None
        place, height = self._numbers[row]
        runs = self._runs.part(place)
        return Rle(int(height), int(runs.sum(dtype=np.int64)) // int(height), runs)

    def mask(self, row: int, height: int, width: int) -> Mask | None:
        """The pixels of a row's mask in its image of this size; None if it has no mask.

        Raises:
            ValueError: the mask is encoded for an image of another size.
        """
        polygons, rle = self.polygons(row), self.rle(row)
        if polygons is not None:
            return fill(polygons, height, width)
        if rle and (rle.height, rle.width) != (height, width):
            raise ValueError(f"A mask of {rle.width} x {rle.height} is no mask of {width} x {height}.")
        return rle.mask() if rle else None

    def misfits(self, sizes: NDArray[np.int64]) -> list[int]:
        """The rows with a run-length encoding of another size than their images: (n, 2), width and height."""
        rows = (int(row) for row in np.flatnonzero(self._kinds == _RLE))
        found = ((row, self.rle(row)) for row in rows)
        return [row for row, rle in found if rle and (rle.width, rle.height) != tuple(sizes[row])]


class SegmentsBuilder:
    """Takes the masks row by row."""

    def __init__(self) -> None:
        self._kinds = bytearray()
        self._numbers = array("q")
        self._corners = _Parts("f")
        self._runs = _Parts("I")

    def add_none(self) -> None:
        """The next row has no mask."""
        self._add(_NONE, 0, 0)

    def add_polygons(self, parts: Sequence[Sequence[float]]) -> None:
        """The next row has these parts, each as x1, y1, x2, y2 and so on."""
        start = len(self._corners)
        for part in parts:
            self._corners.add(part)
        self._add(_POLYGONS, start, len(self._corners))

    def add_rle(self, rle: Rle) -> None:
        """The next row has this mask."""
        self._runs.add(rle.runs.tolist())
        self._add(_RLE, len(self._runs) - 1, rle.height)

    def build(self) -> Segments:
        """All rows."""
        kinds = np.frombuffer(bytes(self._kinds), np.uint8)
        numbers = np.array(self._numbers, np.int64).reshape(-1, 2)
        return Segments(kinds, numbers, (self._corners.packed(), self._runs.packed()))

    def _add(self, kind: int, *numbers: int) -> None:
        self._kinds.append(kind)
        self._numbers.extend(numbers)


class _Packed:
    """Parts of different lengths, one after the other; `ends` are their ends."""

    def __init__(self, values: NDArray[Any], ends: NDArray[np.int64]) -> None:
        self._values = values
        self._ends = ends

    def part(self, place: int) -> NDArray[Any]:
        start = self._ends[place - 1] if place else 0
        return self._values[start : self._ends[place]]


class _Parts:
    """Parts in the making. `code` is the type of the values, as the module array names it."""

    def __init__(self, code: str) -> None:
        self._values: array[Any] = array(code)
        self._ends = array("q")

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, values: Sequence[float]) -> None:
        self._values.extend(values)
        self._ends.append(len(self._values))

    def packed(self) -> _Packed:
        values = np.frombuffer(self._values, self._values.typecode) if self._values else np.empty(0)
        return _Packed(values, np.array(self._ends, np.int64))
