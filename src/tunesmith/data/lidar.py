"""Reads point clouds: files of float32 values x, y, z, intensity, little-endian, one sweep each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.errors import FileFlawError

_POINT_BYTES = 16
_MOST_POINTS = 1 << 24  # 256 MB; sweeps have some hundred thousand
_FAR = 10_000.0
_FAR_SHARE = 0.01
_REMEDY = "Store each point as four little-endian float32 values: x, y, z in metres and the intensity."


@dataclass(frozen=True)
class CloudFacts:
    """What a point cloud holds.

    Attributes:
        points: how many can be used.
        dropped: how many hold a value that is no number; readers leave them out.
        brightest: the largest intensity.
    """

    points: int
    dropped: int
    brightest: float


def count_points(path: Path) -> int:
    """How many points a file holds, by its size.

    Raises:
        FileFlawError: it is empty, too large, or does not consist of whole points.
    """
    size = path.stat().st_size
    if not size:
        raise FileFlawError(path.name, "is empty", "Replace or remove it, with its label.")
    if size % _POINT_BYTES:
        fault = f"has {size} bytes, which is no multiple of {_POINT_BYTES}: it holds no whole points"
        raise FileFlawError(path.name, fault, _REMEDY)
    if size // _POINT_BYTES > _MOST_POINTS:
        fault = f"holds {size // _POINT_BYTES} points, more than {_MOST_POINTS}"
        raise FileFlawError(path.name, fault, "Keep each sweep in a file of its own.")
    return size // _POINT_BYTES


def read_points(path: Path) -> NDArray[np.float32]:
    """The points, of shape (points, 4): x, y, z in metres, intensity; without those that are no numbers.

    Raises:
        FileFlawError: as `count_points`; or the values cannot be a sweep's, e.g. as they are of another type.
    """
    return _usable(path, _raw(path))


def examine(path: Path) -> CloudFacts:
    """What a point cloud holds. Raises as `read_points`."""
    raw = _raw(path)
    points = _usable(path, raw)
    return CloudFacts(len(points), len(raw) - len(points), float(points[:, 3].max()))


def _raw(path: Path) -> NDArray[np.float32]:
    count_points(path)
    return np.fromfile(path, dtype="<f4").reshape(-1, 4)


def _usable(path: Path, raw: NDArray[np.float32]) -> NDArray[np.float32]:
    points = raw[np.isfinite(raw).all(axis=1)]
    if not len(points):
        raise FileFlawError(path.name, "holds no point whose values are all numbers", _REMEDY)
    distant = np.abs(points[:, :3]).max(axis=1)
    if (distant > _FAR).mean() > _FAR_SHARE:
        raise FileFlawError(path.name, f"has many points beyond {_FAR / 1000:.0f} km", _REMEDY)
    if distant.max() < 1e-3:
        raise FileFlawError(path.name, "has all its points within a millimetre", _REMEDY)
    return points
