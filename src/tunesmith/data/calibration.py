"""Reads KITTI's calibration files, and takes points and boxes from the lidar to the camera and back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.errors import FileFlawError
from tunesmith.data.kitti3d import Object3D
from tunesmith.data.text_files import read_text

Matrix = NDArray[np.floating[Any]]

_SKEW = 0.05
"""How far a rotation written with few digits may be from a true one."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """How a lidar and a camera stand to one another.

    Attributes:
        projection: 3 x 4, from the rectified camera to the image (P2).
        lidar_to_camera: 4 x 4, from the lidar to the rectified camera (R0_rect times Tr_velo_to_cam).
    """

    projection: Matrix
    lidar_to_camera: Matrix

    def to_camera(self, points: Matrix) -> Matrix:
        """Points of the lidar, of shape (n, 3), in the coordinates of the rectified camera."""
        return _moved(points, self.lidar_to_camera)

    def to_lidar(self, points: Matrix) -> Matrix:
        """Points of the rectified camera, of shape (n, 3), in the lidar's coordinates."""
        return _moved(points, np.linalg.inv(self.lidar_to_camera))

    def to_image(self, points: Matrix) -> Matrix:
        """Where points of the rectified camera are in the image: shape (n, 2), in pixels; nan behind it."""
        seen = _moved(points, self.projection)
        depth = np.where(seen[:, 2:] > 0, seen[:, 2:], np.nan)
        return seen[:, :2] / depth

    def lidar_box(self, labelled: Object3D) -> Matrix:
        """An object labelled in camera coordinates as x, y, z, length, width, height, yaw of the lidar.

        The label names the centre of the bottom, the box its own centre. Yaw is zero along the x axis.
        """
        height, width, length = labelled.size
        x, y, z = labelled.location
        (centre,) = self.to_lidar(np.array([[x, y - height / 2, z]]))
        ahead = self.lidar_to_camera[:3, :3].T @ [np.cos(labelled.rotation), 0, -np.sin(labelled.rotation)]
        return np.array([*centre, length, width, height, np.arctan2(ahead[1], ahead[0])])


def read_calibration(path: Path) -> Calibration:
    """The calibration of one frame.

    Raises:
        FileFlawError: a matrix is missing or of another size, holds no number, or is not what it should be.
    """
    rows = dict(_row(line) for line in read_text(path).split("\n") if line.strip())
    projection = _matrix(path, rows, ("P2",), (3, 4))
    rectify = _matrix(path, rows, ("R0_rect", "R_rect"), (3, 3))
    move = _matrix(path, rows, ("Tr_velo_to_cam", "Tr_velo_cam"), (3, 4))
    if min(projection[0, 0], projection[1, 1]) <= 0:
        raise FileFlawError(path.name, "has a focal length in P2 that is not positive", "Calibrate again.")
    for name, rotation in (("R0_rect", rectify), ("Tr_velo_to_cam", move[:, :3])):
        _require_rotation(path, name, rotation)
    return Calibration(projection, _square(rectify) @ _square(move))


def _moved(points: Matrix, matrix: Matrix) -> Matrix:
    moved: Matrix = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _row(line: str) -> tuple[str, list[str]]:
    name, *values = line.replace(":", " ", 1).split() or [""]
    return name, values


def _matrix(path: Path, rows: dict[str, list[str]], names: tuple[str, ...], shape: tuple[int, int]) -> Matrix:
    found = next((rows[name] for name in names if name in rows), None)
    size = shape[0] * shape[1]
    remedy = f"Write a line {names[0]}: with {size} numbers, row by row."
    if found is None or len(found) != size:
        fault = (
            f"has no {names[0]}" if found is None else f"has {len(found)} numbers in {names[0]}, not {size}"
        )
        raise FileFlawError(path.name, fault, remedy)
    try:
        matrix = np.array([float(value) for value in found]).reshape(shape)
    except ValueError:
        matrix = np.full(shape, np.nan)
    if not np.isfinite(matrix).all():
        raise FileFlawError(path.name, f"has a value in {names[0]} that is no number", remedy)
    return matrix


def _require_rotation(path: Path, name: str, rotation: Matrix) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        close = np.allclose(rotation @ rotation.T, np.eye(3), atol=_SKEW) and np.linalg.det(rotation) > 0
    if not close:
        fault = f"has in {name} something else than a rotation"
        raise FileFlawError(path.name, fault, "Calibrate again, or correct the order of its numbers.")


def _square(matrix: Matrix) -> Matrix:
    whole = np.eye(4)
    whole[: matrix.shape[0], : matrix.shape[1]] = matrix
    return whole
