"""Scenes to learn detection and segmentation from: digits scanned by hand on photographs.

The scans are those of scikit-learn, the photographs those of scikit-image.

`compose` draws them, `write_scenes` and `write_semantic` store them as the datasets that users bring.
"""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tunesmith.data.masks import Mask, box_of, compress, encode

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

Split = Literal["train", "val"]
MaskKind = Literal["polygons", "rle", "counts"]
"""How COCO stores a mask: corners, run lengths as a compressed text, or as a list."""

Pixels = NDArray[np.uint8]
"""Height x width, or height x width x 3 in RGB."""

_PHOTOGRAPHS = ("astronaut", "brick", "camera", "chelsea", "coffee", "grass", "gravel", "rocket")
_SIDES = (0.22, 0.42)  # of a digit, as shares of the image's shorter side
_INK = 60
_HELD_OUT = 5  # every fifth scan is drawn in scenes to validate on alone
_TRIES = 20


@dataclass(frozen=True, eq=False)
class Drawn:
    """A digit in a scene: its silhouette as a mask of the scene's size, and the tight box around it.

    Attributes:
        box: left, top, right, bottom in pixels.
    """

    digit: int
    mask: Mask
    box: tuple[int, int, int, int]

    @property
    def name(self) -> str:
        """What the digit is called."""
        return NAMES[self.digit]

    @property
    def area(self) -> int:
        """Pixels of the silhouette."""
        return int(self.mask.sum())

    def polygon(self) -> list[float]:
        """x1, y1, x2, y2, ...: along the left edge of each row downwards, and along the right edges back."""
        rows = np.flatnonzero(self.mask.any(axis=1))
        left = [int(self.mask[row].argmax()) for row in rows]
        right = [self.mask.shape[1] - int(self.mask[row][::-1].argmax()) for row in rows]
        down = [one for row, x in zip(rows, left, strict=True) for one in (x, int(row), x, int(row) + 1)]
        back = list(zip(rows, right, strict=True))[::-1]
        return [float(one) for one in down + [v for row, x in back for v in (x, int(row) + 1, x, int(row))]]


@dataclass(frozen=True, eq=False)
class Scene:
    """An image of digits."""

    name: str
    pixels: Pixels
    drawn: tuple[Drawn, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return self.name.rsplit(".", 1)[0]


def compose(
    count: int,
    *,
    digits: Sequence[int] = range(10),
    most: int = 4,
    size: tuple[int, int] = (160, 160),
    seed: int = 0,
    split: Split = "train",
) -> list[Scene]:
    """Scenes of one to `most` digits that do not overlap, each digit as often as the others.

    A digit is light ink on a darkened silhouette, which is its mask. Scenes of the split `val` hold scans
    that no scene of the split `train` holds. The same arguments give the same scenes.

    Args:
        count: how many scenes.
        digits: what is drawn.
        most: digits in a scene at most; fewer where there is no room.
        size: width and height of the scenes in pixels.
        seed: of every random choice.
        split: which scans are drawn.

    Raises:
        ModuleNotFoundError: scikit-learn or scikit-image is not installed.
    """
    random = np.random.default_rng([seed, split == "val"])
    found, turn = [], 0
    for index in range(count):
        canvas = _ground(size, random)
        drawn: list[Drawn] = []
        taken = np.zeros(canvas.shape[:2], np.bool_)
        for _ in range(1 + index % most):
            if one := _draw(canvas, taken, digits[turn % len(digits)], split, random):
                drawn.append(one)
                turn += 1
        found.append(Scene(f"{split}_{seed}_{index:04d}.png", canvas, tuple(drawn)))
    return found


def write_scenes(
    folder: Path,
    scenes: Sequence[Scene],
    *,
    masks: MaskKind | None = None,
    first_id: int = 1,
) -> None:
    """Write images.tar.gz and annotations.json, in COCO's layout; with masks also label_map.json.

    Args:
        folder: where to; made if it is not there.
        scenes: what to write.
        masks: how the silhouettes are stored as segmentations; None stores boxes alone.
        first_id: the id of the category "zero"; the other digits follow.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = instances(scenes, masks=masks, first_id=first_id)
    (folder / "images.tar.gz").write_bytes(
        archive({f"images/{scene.name}": png(scene.pixels) for scene in scenes})
    )
    (folder / "annotations.json").write_text(json.dumps(found), encoding="utf-8")
    if masks:
        (folder / "label_map.json").write_text(json.dumps(found["categories"]), encoding="utf-8")


def write_semantic(folder: Path, splits: Mapping[str, Sequence[Scene]]) -> None:
    """Write images/<split>.tar.gz and, but for the split "test", masks/<split>.tar.gz: the unet layout.

    Masks are grey PNG files: 0 is the ground, the digits that are drawn follow in their order from 1 on.
    """
    digits = sorted({one.digit for scenes in splits.values() for scene in scenes for one in scene.drawn})
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for split, scenes in splits.items():
        images = archive({f"{split}/{scene.name}": png(scene.pixels) for scene in scenes})
        (folder / "images" / f"{split}.tar.gz").write_bytes(images)
        if split != "test":
            masks = archive({f"{split}/{scene.stem}.png": png(class_mask(scene, digits)) for scene in scenes})
            (folder / "masks" / f"{split}.tar.gz").write_bytes(masks)


def instances(scenes: Sequence[Scene], *, masks: MaskKind | None = None, first_id: int = 1) -> dict[str, Any]:
    """COCO's instances of the scenes, as in annotations.json."""
    annotations: list[dict[str, Any]] = []
    for index, scene in enumerate(scenes):
        for one in scene.drawn:
            left, top, right, bottom = one.box
            annotation = {
                "id": len(annotations) + 1,
                "image_id": index + 1,
                "category_id": one.digit + first_id,
                "bbox": [left, top, right - left, bottom - top],
                "area": one.area,
                "iscrowd": 0,
            }
            annotations.append(annotation | ({"segmentation": segmentation(one, masks)} if masks else {}))
    listed = [
        {"id": index + 1, "file_name": scene.name, "width": scene.size[0], "height": scene.size[1]}
        for index, scene in enumerate(scenes)
    ]
    digits = sorted({one.digit for scene in scenes for one in scene.drawn})
    categories = [{"id": digit + first_id, "name": NAMES[digit]} for digit in digits]
    return {"images": listed, "annotations": annotations, "categories": categories}


def segmentation(drawn: Drawn, kind: MaskKind) -> Any:
    """A silhouette as COCO stores it."""
    if kind == "polygons":
        return [drawn.polygon()]
    rle = encode(drawn.mask)
    counts = compress(rle.runs) if kind == "rle" else rle.runs.tolist()
    return {"size": [rle.height, rle.width], "counts": counts}


def class_mask(scene: Scene, digits: Sequence[int]) -> Pixels:
    """Height x width: 0 is the ground, then the digits in the order given, from 1 on."""
    mask = np.zeros(scene.pixels.shape[:2], np.uint8)
    for one in scene.drawn:
        mask[one.mask] = list(digits).index(one.digit) + 1
    return mask


def silhouette(ink: Mask) -> Mask:
    """All between the first and the last pixel of ink of each row, and of the rows between."""
    filled: Mask = (
        np.logical_or.accumulate(ink, axis=1) & np.logical_or.accumulate(ink[:, ::-1], axis=1)[:, ::-1]
    )
    rows = np.flatnonzero(ink.any(axis=1))
    for row in range(rows[0], rows[-1]):
        if not filled[row].any():
            filled[row] = filled[row - 1]
    return filled


def png(pixels: Pixels) -> bytes:
    """A PNG file of the pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def archive(members: Mapping[str, bytes]) -> bytes:
    """A tar.gz of files by name; the same files give the same bytes but for the time in its head."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as packed:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _ground(size: tuple[int, int], random: np.random.Generator) -> Pixels:
    """A piece of a photograph, of random place, scale and brightness."""
    photographs = _photographs()
    photograph = photographs[int(random.integers(len(photographs)))]
    width, height = size
    most = min(photograph.width / width, photograph.height / height)
    scale = float(random.uniform(min(1.0, most), most))
    across, down = int(width * scale), int(height * scale)
    left = int(random.integers(0, photograph.width - across + 1))
    top = int(random.integers(0, photograph.height - down + 1))
    piece = photograph.crop((left, top, left + across, top + down)).resize(size, Image.Resampling.BILINEAR)
    return (np.asarray(piece) * random.uniform(0.5, 0.9)).astype(np.uint8)


def _draw(canvas: Pixels, taken: Mask, digit: int, split: Split, random: np.random.Generator) -> Drawn | None:
    """Draw a digit where there is room for it; None if none was found."""
    height, width = taken.shape
    side = max(8, int(min(height, width) * random.uniform(*_SIDES)))
    scans = _scans()[digit]
    own = scans[::_HELD_OUT] if split == "val" else np.delete(scans, np.s_[::_HELD_OUT], axis=0)
    scan = Image.fromarray(own[int(random.integers(len(own)))])
    patch = np.asarray(scan.resize((side, side), Image.Resampling.BICUBIC))
    for _ in range(_TRIES):
        left, top = int(random.integers(0, width - side + 1)), int(random.integers(0, height - side + 1))
        place = np.s_[top : top + side, left : left + side]
        if taken[place].any():
            continue
        taken[place] = True
        inside = silhouette(patch > _INK)
        _ink(canvas[place], patch, inside, random)
        mask = np.zeros(taken.shape, np.bool_)
        mask[place] = inside
        return Drawn(digit, mask, box_of(mask))
    return None


def _ink(place: Pixels, patch: Pixels, inside: Mask, random: np.random.Generator) -> None:
    """Darken the silhouette, and put light ink of some colour on it."""
    place[inside] = (place[inside] * 0.35).astype(np.uint8)
    colour = random.integers(190, 256, 3)
    share = np.where(inside, patch / 255.0, 0.0)[..., None]
    place[:] = (place * (1 - share) + colour * share).round().astype(np.uint8)


@cache
def _scans() -> dict[int, Pixels]:
    """The scans of each digit, count x 8 x 8, 0 to 255."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise _lacks("scikit-learn", error) from error
    bunch = load_digits()
    grey = (bunch.images * (255 / 16)).round().astype(np.uint8)
    return {digit: grey[bunch.target == digit] for digit in range(10)}


@cache
def _photographs() -> tuple[Image.Image, ...]:
    """Those that come with the package: it would download others."""
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise _lacks("scikit-image", error) from error
    return tuple(Image.fromarray(getattr(data, name)()).convert("RGB") for name in _PHOTOGRAPHS)


def _lacks(package: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    message = f"Scenes need {package}; install it: pip install 'tunesmith[demo]'."
    return ModuleNotFoundError(message, name=error.name)
