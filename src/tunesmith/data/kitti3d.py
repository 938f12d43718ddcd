"""Reads labels of objects in space, as KITTI writes them: a line an object, 15 columns, a score as a 16th."""

from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.errors import FileFlawError
from tunesmith.data.kitti import IGNORED, Row, read_rows

_SMALLEST = 1e-3


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
    found = [_object(path, row) for row in read_rows(path)]
    return [one for one in found if one.name != IGNORED]


def _object(path: Path, row: Row) -> Object3D:
    truncated, occluded, alpha, left, top, right, bottom = row.values[:7]
    height, width, length, x, y, z, rotation = row.values[7:14]
    if row.name != IGNORED and min(height, width, length) < _SMALLEST:
        fault = f"has an object ({row.name[:40]}) that is smaller than a millimetre in line {row.number}"
        raise FileFlawError(path.name, fault, "Correct the height, width and length, or remove the line.")
    box, size, location = (left, top, right, bottom), (height, width, length), (x, y, z)
    score = row.values[14] if len(row.values) > 14 else None
    return Object3D(row.name, truncated, int(occluded), alpha, box, size, location, rotation, score)
