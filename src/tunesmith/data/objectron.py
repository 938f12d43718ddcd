"""CenterPose datasets: images with Objectron's annotations, a JSON file of the same name beside each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.errors import FileFlawError
from tunesmith.data.partners import Kind, kind
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.suffixes import IMAGE_SUFFIXES
from tunesmith.data.text_files import printable, read_json

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Numbers = NDArray[np.float64]

_JSON_LIMIT = 16 << 20
_LARGEST = 1e6
_REMEDY = "Write it as Objectron's annotations are, with camera_data and objects."


@dataclass(frozen=True)
class Camera:
    """The camera's intrinsics in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True, eq=False)
class PosedObject:
    """An object and the cuboid around it.

    Attributes:
        name: its class, or empty.
        cuboid: the centre and the eight corners in the image, of shape (9, 2), in pixels.
        keypoints: the same points in the camera's coordinates, of shape (9, 3).
        scale: its size along its own axes, of shape (3,); the second is the height.
        quaternion: its rotation, of shape (4,): x, y, z, w, of length 1.
    """

    name: str
    cuboid: Numbers
    keypoints: Numbers
    scale: Numbers
    quaternion: Numbers


@dataclass(frozen=True)
class Annotation:
    """What is known of an image."""

    camera: Camera
    objects: tuple[PosedObject, ...]


@dataclass(frozen=True)
class PosedImage:
    """An image and its annotation file; None where there is none."""

    name: str
    image: Path
    annotation: Path | None


class ObjectronData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, pulled: Path) -> "ObjectronData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def has(self, split: Split) -> bool:
        """Whether the dataset has the archive of a split."""
        return (self._folder.extracted / split).is_dir()

    def images(self, split: Split) -> Kind:
        """The images of a split."""
        return kind(self._folder.extracted / split, IMAGE_SUFFIXES)

    def annotations(self, split: Split) -> Kind:
        """The annotation files of a split."""
        return kind(self._folder.extracted / split, {".json"})

    def samples(self, split: Split) -> list[PosedImage]:
        """The images of a split, sorted by name; for train and val those that have an annotation."""
        annotations = self.annotations(split).by_key
        found = [
            PosedImage(name, path, annotations.get(name))
            for name, path in sorted(self.images(split).by_key.items())
        ]
        return [one for one in found if one.annotation or split == "test"]


def read_annotation(path: Path) -> Annotation:
    """The annotation of an image.

    Raises:
        FileFlawError: it is no JSON, or lacks something, or a number is none or cannot be.
    """
    value = read_json(path, _JSON_LIMIT)
    objects = _field(path, value, "objects")
    if not isinstance(objects, list):
        raise FileFlawError(path.name, "has objects that are no list", _REMEDY)
    camera = _camera(path, _field(path, _field(path, value, "camera_data"), "intrinsics"))
    return Annotation(camera, tuple(_object(path, index, one) for index, one in enumerate(objects)))


def _camera(path: Path, intrinsics: Any) -> Camera:
    fx, fy, cx, cy = (float(_numbers(path, intrinsics, name, ())) for name in ("fx", "fy", "cx", "cy"))
    if min(fx, fy) <= 0:
        raise FileFlawError(
            path.name, "has a focal length that is not positive", "Calibrate the camera again."
        )
    return Camera(fx, fy, cx, cy)


def _object(path: Path, index: int, value: Any) -> PosedObject:
    cuboid = _numbers(path, value, "projected_cuboid", (9, 2), index)
    keypoints = _numbers(path, value, "keypoints_3d", (9, 3), index)
    scale = _numbers(path, value, "scale", (3,), index)
    quaternion = _numbers(path, value, "quaternion_xyzw", (4,), index)
    if scale.min() <= 0:
        fault = f"has a scale in object {index} that is not positive"
        raise FileFlawError(path.name, fault, "Correct it, or remove the object.")
    length = float(np.linalg.norm(quaternion))
    if abs(length - 1) > 0.01:
        fault = f"has a quaternion in object {index} of the length {length:.3g}, not 1"
        raise FileFlawError(path.name, fault, "Divide the quaternion by its length, or remove the object.")
    name = value.get("class", "")
    shown = printable(name) if isinstance(name, str) else ""
    return PosedObject(shown, cuboid, keypoints, scale, quaternion / length)


def _field(path: Path, value: Any, name: str, index: int | None = None) -> Any:
    if not isinstance(value, dict) or name not in value:
        place = "" if index is None else f" in object {index}"
        raise FileFlawError(path.name, f"has no {name}{place}", _REMEDY)
    return value[name]


def _numbers(path: Path, value: Any, name: str, shape: tuple[int, ...], index: int | None = None) -> Numbers:
    given = _field(path, value, name, index)
    try:
        numbers = np.array(given, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        numbers = np.array([np.nan])
    if numbers.shape != shape or not (np.abs(numbers) <= _LARGEST).all():
        size = " x ".join(str(length) for length in shape)
        kind_of = f"{size} numbers" if shape else "a number"
        place = "" if index is None else f" in object {index}"
        fault = f"has a {name}{place} that is not {kind_of} of a sensible size"
        raise FileFlawError(path.name, fault, _REMEDY)
    return numbers
