"""Scenes of handwritten digits with boxes and masks, and datasets of them in each format.

`scenes()` composes them; each format is a function from scenes to files by name, and `write` puts files into
a folder. A model can learn from them: the classes are digits, which lie on a dark noisy ground.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from tests.data.digit_images import Grey, encoded, scan
from tests.data.pet_data import archive

from tunesmith.data.masks import box_of
from tunesmith.data.scenes import NAMES, Drawn, MaskKind, Scene, segmentation, silhouette
from tunesmith.data.scenes import instances as coco_instances

Files = dict[str, bytes]
_INK = 60


def scenes(
    count: int = 4,
    digits: Sequence[int] = (0, 1, 2),
    most: int = 3,
    size: tuple[int, int] = (96, 64),
    seed: int = 0,
) -> list[Scene]:
    """Images of one to `most` digits that do not overlap; every digit is drawn as often as the others."""
    random = np.random.default_rng(seed)
    found = []
    turn = seed
    for index in range(count):
        canvas = random.integers(0, 30, (size[1], size[0]), dtype=np.uint8)
        drawn: list[Drawn] = []
        taken = np.zeros(canvas.shape, np.bool_)
        for _ in range(1 + index % most):
            if one := _draw(canvas, taken, digits[turn % len(digits)], random):
                drawn.append(one)
                turn += 1
        found.append(Scene(f"{seed}_{index:04d}.png", canvas, tuple(drawn)))
    return found


def _draw(canvas: Grey, taken: NDArray[np.bool_], digit: int, random: np.random.Generator) -> Drawn | None:
    """Draw a digit where there is room for it; None if none was found."""
    side = int(random.integers(18, 28))
    patch = scan(digit, int(random.integers(150)), side)
    for _ in range(20):
        x, y = (
            int(random.integers(0, canvas.shape[1] - side)),
            int(random.integers(0, canvas.shape[0] - side)),
        )
        place = np.s_[y : y + side, x : x + side]
        if taken[place].any():
            continue
        taken[place] = True
        canvas[place] = np.maximum(canvas[place], patch)
        mask = np.zeros(canvas.shape, np.bool_)
        mask[place] = silhouette(patch > _INK)
        return Drawn(digit, mask, box_of(mask))
    return None


def digits_of(pictures: Sequence[Scene]) -> list[int]:
    """The digits drawn, sorted."""
    return sorted({one.digit for scene in pictures for one in scene.drawn})


def count_of(pictures: Sequence[Scene]) -> dict[str, int]:
    """How often each digit is drawn, by its name."""
    drawn = [one.name for scene in pictures for one in scene.drawn]
    return {name: drawn.count(name) for name in set(drawn)}


def images(pictures: Sequence[Scene], top: str = "images/") -> bytes:
    """The archive of the images."""
    return archive({f"{top}{scene.name}": encoded(scene.pixels) for scene in pictures})


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """The files in a folder, as they would lie in a workspace."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def with_json(files: Files, name: str, change: Callable[[Any], object]) -> Files:
    """The files, with what a function changes in one of JSON."""
    value = json.loads(files[name])
    change(value)
    return files | {name: json.dumps(value).encode()}


def instances(pictures: Sequence[Scene], masks: str = "none", first_id: int = 1) -> dict[str, Any]:
    """COCO's instances. Category ids are digits + first_id; masks are none, polygons, rle or counts."""
    return coco_instances(
        pictures, masks=None if masks == "none" else cast("MaskKind", masks), first_id=first_id
    )


def coco(pictures: Sequence[Scene], masks: str = "none", first_id: int = 1, top: str = "images/") -> Files:
    """object_detection coco; with masks also segmentation default and coco, the latter with a label map."""
    found = instances(pictures, masks, first_id)
    files = {"images.tar.gz": images(pictures, top), "annotations.json": json.dumps(found).encode()}
    if masks != "none":
        files["label_map.json"] = json.dumps(found["categories"]).encode()
    return files


def kitti(pictures: Sequence[Scene], top: str = "labels/") -> Files:
    """object_detection kitti."""
    labels = {
        f"{top}{scene.stem}.txt": "".join(
            f"{one.name} 0.00 0 0.00 {' '.join(f'{edge:.2f}' for edge in one.box)} 0 0 0 0 0 0 0\n"
            for one in scene.drawn
        ).encode()
        for scene in pictures
    }
    return {"images.tar.gz": images(pictures), "labels.tar.gz": archive(labels)}


def odvg(pictures: Sequence[Scene], grounded: bool = False, masks: str = "none") -> Files:
    """object_detection odvg, with captions if `grounded`; with masks also segmentation odvg."""
    digits = digits_of(pictures)
    lines = [_grounding(scene, masks) if grounded else _detection(scene, digits, masks) for scene in pictures]
    labels = {} if grounded else {str(place): NAMES[digit] for place, digit in enumerate(digits)}
    return {
        "images.tar.gz": images(pictures),
        "annotations_odvg.jsonl": "".join(f"{json.dumps(line)}\n" for line in lines).encode(),
        "annotations_odvg_labelmap.json": json.dumps(labels).encode(),
    }


def _detection(scene: Scene, digits: list[int], masks: str) -> dict[str, Any]:
    found = [
        {"bbox": list(one.box), "label": digits.index(one.digit), "category": one.name} | _mask(one, masks)
        for one in scene.drawn
    ]
    return _line(scene) | {"detection": {"instances": found}}


def _grounding(scene: Scene, masks: str) -> dict[str, Any]:
    caption = "A dark page with " + " and ".join(f"a {one.name}" for one in scene.drawn)
    regions = [{"phrase": f"a {one.name}", "bbox": list(one.box)} | _mask(one, masks) for one in scene.drawn]
    return _line(scene) | {"grounding": {"caption": caption, "regions": regions}}


def _line(scene: Scene) -> dict[str, Any]:
    return {"file_name": scene.name, "height": scene.size[1], "width": scene.size[0]}


def _mask(drawn: Drawn, masks: str) -> dict[str, Any]:
    return {} if masks == "none" else {"mask": segmentation(drawn, cast("MaskKind", masks))}


def unet(
    train: Sequence[Scene], val: Sequence[Scene], test: Sequence[Scene] = (), two: bool = False
) -> Files:
    """segmentation unet: 0 is the ground, the digits follow from 1 on; if `two`, all of them are 255."""
    files = {}
    digits = digits_of([*train, *val])
    for split, pictures in (("train", train), ("val", val), ("test", test)):
        files[f"images/{split}.tar.gz"] = images(pictures, f"{split}/")
        if split != "test":
            masks = {
                f"{split}/{scene.stem}.png": encoded(class_mask(scene, digits, two)) for scene in pictures
            }
            files[f"masks/{split}.tar.gz"] = archive(masks)
    return files


def class_mask(scene: Scene, digits: Sequence[int], two: bool = False) -> Grey:
    """Height x width: 0 is the ground, then the digits in their order from 1 on, or 255."""
    mask = np.zeros(scene.pixels.shape, np.uint8)
    for one in scene.drawn:
        mask[one.mask] = 255 if two else list(digits).index(one.digit) + 1
    return mask


GROUND = 200
"""The category id of the ground in panoptic datasets."""


def panoptic(pictures: Sequence[Scene], folder: str = "masks/") -> Files:
    """segmentation coco_panoptic: the digits are things, with ids as in `coco`; the ground is stuff."""
    listed = instances(pictures, "polygons")
    categories = [
        {"id": one["id"], "name": one["name"], "isthing": 1, "color": [40 + one["id"], 90, 10]}
        for one in listed["categories"]
    ]
    categories.append({"id": GROUND, "name": "ground", "isthing": 0, "color": [20, 20, 20]})
    annotations, pngs = [], {}
    for index, scene in enumerate(pictures):
        png, segments = _segments(scene)
        pngs[f"{folder}{scene.stem}.png"] = encoded(png)
        name = f"{scene.stem}.png"
        annotations.append({"image_id": index + 1, "file_name": name, "segments_info": segments})
    whole = {"images": listed["images"], "annotations": annotations, "categories": categories}
    return {
        "images.tar.gz": images(pictures),
        "annotations.json": json.dumps(listed).encode(),
        "images_panoptic.tar.gz": archive(pngs),
        "annotations_panoptic.json": json.dumps(whole).encode(),
        "label_map_panoptic.json": json.dumps(categories).encode(),
    }


def _segments(scene: Scene) -> tuple[Grey, list[dict[str, Any]]]:
    """The colours of the ids, height x width x 3, and what stands in segments_info."""
    ids = np.full(scene.pixels.shape, 7, np.int64)
    classes = {7: GROUND}
    for place, one in enumerate(scene.drawn):
        own = 1000 * (place + 1)
        ids[one.mask] = own
        classes[own] = one.digit + 1
    colours = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
    segments = [
        {"id": own, "category_id": category, "area": int((ids == own).sum()), "iscrowd": 0}
        for own, category in classes.items()
    ]
    return colours, segments
