"""Reads labels of objects in space, as KITTI writes them: a line an object, 15 columns, a score as a 16th."""

import math
from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.errors import FileFlawError
from tunesmith.data.text_files import printable, read_text

IGNORED = "DontCare"
_COLUMNS = "type truncated occluded alpha left top right bottom height width length x y z rotation"
_LONGEST_NAME = 100
_LARGEST = 1e6
_SMALLEST = 1e-3
_REMEDY = f"Write a line an object with the columns: {_COLUMNS}."


@dataclass(frozen=True)
class Object3D:
    """An object of a label file.

    Attributes:
        name: its class.
        truncated: how much of it leaves the image, 0 to 1.
        occluded: 0 visible, 1 partly, 2 largely occluded, 3 unknown.
        alpha: the angle under which it is seen, in radians.
        box: left, top, right, bottom in the image, in pixels; zeros if there is no image.
        size: height, width, length in metres.
        location: x, y, z in metres. What it is the location of, and in whose coordinates, is the format's
            own: BEVFusion's is the bottom centre in the camera's, PointPillars' the centre in the lidar's.
        rotation: about the vertical axis, in radians.
        score: of a prediction.
    """

    name: str
    truncated: float
    occluded: int
    alpha: float
    box: tuple[float, float, float, float]
    size: tuple[float, float, float]
    location: tuple[float, float, float]
    rotation: float
    score: float | None = None


def read_objects(path: Path) -> list[Object3D]:
    """The objects of a label file, without the regions that are not to be judged (DontCare).

    Raises:
        FileFlawError: a line has other columns, a value is no number, or an object has no size.
    """
    lines = enumerate(read_text(path).split("\n"), start=1)
    found = [_object(path, number, line) for number, line in lines if line.strip()]
    return [one for one in found if one.name != IGNORED]


def _object(path: Path, number: int, line: str) -> Object3D:
    name, *columns = line.split()
    if len(columns) not in (14, 15) or len(name) > _LONGEST_NAME:
        fault = f"has {len(columns) + 1} columns in line {number}, not a class and 14 or 15 numbers"
        raise FileFlawError(path.name, fault, _REMEDY)
    try:
        values = [float(column) for column in columns]
    except ValueError:
        values = [math.nan]
    if not all(abs(value) <= _LARGEST for value in values):
        raise FileFlawError(path.name, f"has a value that is no (sensible) number in line {number}", _REMEDY)
    truncated, occluded, alpha, left, top, right, bottom = values[:7]
    height, width, length, x, y, z, rotation = values[7:14]
    if name != IGNORED and min(height, width, length) < _SMALLEST:
        fault = f"has an object ({printable(name, 40)}) that is smaller than a millimetre in line {number}"
        raise FileFlawError(path.name, fault, "Correct the height, width and length, or remove the line.")
    box, size, location = (left, top, right, bottom), (height, width, length), (x, y, z)
    score = values[14] if len(values) > 14 else None
    return Object3D(printable(name), truncated, int(occluded), alpha, box, size, location, rotation, score)
