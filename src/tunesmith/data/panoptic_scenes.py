"""Scenes as panoptic datasets: the digits are objects, what lies around them is ground."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.data.scenes import NAMES, Pixels, Scene, archive, instances, png

GROUND = "ground"
_FIRST = 1000  # ids that need more than one colour


def write_panoptic(folder: Path, scenes: Sequence[Scene], *, first_id: int = 1) -> None:
    """Write a dataset in COCO's panoptic layout.

    images.tar.gz, annotations.json (the digits as instances), images_panoptic.tar.gz,
    annotations_panoptic.json and label_map_panoptic.json.

    Args:
        folder: where to; made if it is not there.
        scenes: what to write.
        first_id: the id of the category "zero"; the other digits follow, and the ground after them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = instances(scenes, masks="polygons", first_id=first_id)
    categories = categories_of([one["id"] for one in listed["categories"]], first_id)
    annotations, pictures = [], {}
    for index, scene in enumerate(scenes):
        picture, segments = segments_of(scene, first_id)
        name = f"{scene.stem}.png"
        pictures[f"images_panoptic/{name}"] = png(picture)
        annotations.append({"image_id": index + 1, "file_name": name, "segments_info": segments})
    whole = {"images": listed["images"], "annotations": annotations, "categories": categories}
    images = {f"images/{scene.name}": png(scene.pixels) for scene in scenes}
    (folder / "images.tar.gz").write_bytes(archive(images))
    (folder / "images_panoptic.tar.gz").write_bytes(archive(pictures))
    for name, content in (
        ("annotations.json", listed),
        ("annotations_panoptic.json", whole),
        ("label_map_panoptic.json", categories),
    ):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def categories_of(ids: Sequence[int], first_id: int) -> list[dict[str, Any]]:
    """The label map: these digits, and the ground behind the last one."""
    things = [
        {"id": one, "name": NAMES[one - first_id], "isthing": 1, "color": [25 * (one - first_id), 90, 200]}
        for one in ids
    ]
    ground = {"id": first_id + len(NAMES), "name": GROUND, "isthing": 0, "color": [20, 20, 20]}
    return [*things, ground]


def segments_of(scene: Scene, first_id: int) -> tuple[Pixels, list[dict[str, Any]]]:
    """The ids of the segments as colours (height, width, 3), and what stands in segments_info."""
    ids = np.full(scene.pixels.shape[:2], _FIRST, np.int64)
    classes = {_FIRST: first_id + len(NAMES)}
    for place, one in enumerate(scene.drawn, start=1):
        ids[one.mask] = _FIRST + place
        classes[_FIRST + place] = one.digit + first_id
    colours = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
    segments = [
        {"id": own, "category_id": category, "area": int((ids == own).sum()), "iscrowd": 0}
        for own, category in classes.items()
    ]
    return colours, segments
