"""COCO datasets as TFRecord files, with the features of TensorFlow's object detection API."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from tunesmith.data.coco_data import ANNOTATIONS, CocoData
from tunesmith.data.errors import DatasetError
from tunesmith.data.images import open_rgb
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.tfrecords import (
    Feature,
    decode_example,
    encode_example,
    read_records,
    write_record,
)

_UPRIGHT = 1
_KINDS = {"JPEG": "jpeg", "PNG": "png"}
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_FRACTIONS = (*(f"image/object/bbox/{side}" for side in _SIDES), "image/object/area")


@dataclass(frozen=True)
class Shards:
    """The files of a dataset: `<tag>-00000-of-00256.tfrecord` and so on, filled in turn."""

    folder: Path
    tag: str
    count: int

    def path(self, index: int) -> Path:
        """One of the files."""
        return self.folder / f"{self.tag}-{index:05d}-of-{self.count:05d}.tfrecord"


def write_shards(
    data: CocoData, shards: Shards, *, masks: bool, on_image: Callable[[int], None] = lambda _: None
) -> None:
    """Write all images with their objects.

    Args:
        data: the dataset; with its masks, if they are to be written.
        shards: the files.
        masks: whether the mask of each object is written too, as a PNG file.
        on_image: called after each image with how many are written; what it raises ends the work.

    Raises:
        DatasetError: an image cannot be read.
    """
    written = 0
    for index in range(shards.count):
        target = shards.path(index)
        arriving = target.with_suffix(".part")
        with arriving.open("wb") as file:
            for place in range(index, len(data.paths), shards.count):
                write_record(file, example_of(data, place, masks=masks))
                written += 1
                on_image(written)
        arriving.replace(target)


def example_of(data: CocoData, place: int, *, masks: bool = False) -> bytes:
    """An image with its objects, as a tf.train.Example.

    Corners are shares of the image's sides, labels the ids of the categories.

    Raises:
        DatasetError: the image cannot be read.
    """
    known, image = data.annotated, data.annotated.images[place]
    encoded, kind = _encoded(data.paths[place])
    rows = np.array(known.rows(place), np.int64)
    corners = known.boxes[rows] / (image.width, image.height, image.width, image.height)
    categories = [known.categories[index] for index in known.category_of[rows]]
    features: dict[str, Feature] = {
        "image/height": image.height,
        "image/width": image.width,
        "image/filename": image.name.encode(),
        "image/source_id": str(image.id).encode(),
        "image/key/sha256": hashlib.sha256(encoded).hexdigest().encode(),
        "image/encoded": encoded,
        "image/format": kind.encode(),
        "image/object/class/text": [one.name.encode() for one in categories],
        "image/object/class/label": [one.id for one in categories],
        "image/object/is_crowd": [int(one) for one in known.crowd[rows]],
        "image/object/area": known.areas[rows].tolist(),
    }
    for column, side in enumerate(_SIDES):
        features[f"image/object/bbox/{side}"] = corners[:, column].tolist()
    if masks:
        features["image/object/mask"] = [_mask(data, row) for row in rows.tolist()]
    return encode_example(features, _FRACTIONS)


def _encoded(path: Path) -> tuple[bytes, str]:
    """The image and its kind: the file as it is, unless TensorFlow could not read it or would turn it."""
    try:
        with Image.open(path) as image:
            kind = _KINDS.get(image.format or "")
            upright = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT) == _UPRIGHT
    except OSError as error:
        raise DatasetError(f"{path.name} cannot be read as an image; replace or remove the file.") from error
    if kind and upright:
        return path.read_bytes(), kind
    file = io.BytesIO()
    open_rgb(path).save(file, "PNG")
    return file.getvalue(), "png"


def _mask(data: CocoData, row: int) -> bytes:
    mask = data.annotated.mask(row)
    if mask is None:
        raise ValueError("masks are to be written, and the dataset was opened without them")
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def unpack_shards(
    paths: Iterable[Path], folder: Path, on_image: Callable[[int], None] = lambda _: None
) -> None:
    """Write the images and objects in record files as a COCO dataset, in the folder of a finished pull.

    Categories are those of which there is an object.

    Raises:
        DatasetError: a file is damaged, or a record holds no image with boxes.
    """
    pulled = PulledFolder(folder)
    images = pulled.extracted / "images"
    images.mkdir(parents=True, exist_ok=True)
    pulled.files.mkdir(parents=True, exist_ok=True)
    listed: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    names: dict[int, str] = {}
    for path in paths:
        for record in read_records(path):
            try:
                found = _Record(decode_example(record))
            except (KeyError, IndexError, ValueError, UnicodeDecodeError) as error:
                fault = f"{path.name} holds a record that is no image with boxes: it lacks {error}."
                raise DatasetError(fault) from error
            image_id = len(listed) + 1
            name = f"{image_id:08d}_{found.name}"
            (images / name).write_bytes(found.encoded)
            listed.append({"id": image_id, "file_name": name, "width": found.width, "height": found.height})
            for one in found.objects():
                names[one["category_id"]] = one.pop("category")
                objects.append({"id": len(objects) + 1, "image_id": image_id, **one})
            on_image(image_id)
    categories = [{"id": key, "name": name} for key, name in sorted(names.items())]
    whole = {"images": listed, "annotations": objects, "categories": categories}
    (pulled.files / ANNOTATIONS).write_text(json.dumps(whole), encoding="utf-8")


class _Record:
    """One image of a record file."""

    def __init__(self, features: Mapping[str, list[Any]]) -> None:
        self._features = features
        self.width, self.height = int(features["image/width"][0]), int(features["image/height"][0])
        self.encoded: bytes = features["image/encoded"][0]
        name = features["image/filename"][0].decode()
        self.name = PurePosixPath(name.replace("\\", "/")).name or "image"

    def objects(self) -> Iterator[dict[str, Any]]:
        """The objects as COCO has them, each with the name of its category."""
        sides = [self._features.get(f"image/object/bbox/{side}", []) for side in _SIDES]
        count = len(self._features.get("image/object/class/label", []))
        crowd = self._features.get("image/object/is_crowd") or [0] * count
        areas = self._features.get("image/object/area") or [None] * count
        labels = self._features.get("image/object/class/label", [])
        texts = self._features.get("image/object/class/text") or [str(one).encode() for one in labels]
        for *corners, label, text, is_crowd, area in zip(*sides, labels, texts, crowd, areas, strict=True):
            left, right = corners[0] * self.width, corners[2] * self.width
            top, bottom = corners[1] * self.height, corners[3] * self.height
            box = [left, top, right - left, bottom - top]
            yield {
                "bbox": box,
                "category_id": int(label),
                "category": text.decode(),
                "iscrowd": int(is_crowd),
                "area": box[2] * box[3] if area is None else area,
            }
