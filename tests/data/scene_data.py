"""Small datasets of scenes, composed of handwritten digits: texts in images, changes, parts, videos."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from tests.data.digit_images import Grey, encoded, scan
from tests.data.pet_data import archive
from tests.data.special_data import NO_CHANGES, Changes, Members, changed, word_image

Parts = Mapping[str, Changes]
NO_PARTS: Parts = MappingProxyType({})
SIDE = 64
LIGHTS = ("LowAngleLight", "SolderLight", "UniformLight", "WhiteLight")


def scene(seed: int = 0, digits: int = 0) -> Grey:
    """A dark, slightly noisy square with some digits."""
    random = np.random.default_rng(seed)
    canvas = random.integers(0, 30, (SIDE, SIDE), dtype=np.uint8)
    for index in range(digits):
        put(canvas, scan(int(random.integers(10)), seed + index), *map(int, random.integers(0, SIDE - 16, 2)))
    return canvas


def put(canvas: Grey, patch: Grey, x: int, y: int) -> None:
    """Lay a patch over a canvas where it is brighter."""
    height, width = patch.shape
    area = canvas[y : y + height, x : x + width]
    np.maximum(area, patch, out=area)


def texts(count: int = 3, split: str = "train", changes: Changes = NO_CHANGES) -> dict[str, bytes]:
    """Text detection: an image with a number each, and a second region that is to be ignored."""
    members: Members = {}
    for index in range(count):
        canvas = scene(index)
        number = f"{10 + index}"
        x, y = 4 + 3 * index % 24, 5 + 5 * index % 24
        put(canvas, word_image(number, index), x, y)
        members[f"{split}/img/img_{index}.jpg"] = encoded(canvas, "JPEG")
        corners = f"{x},{y},{x + 32},{y},{x + 32},{y + 16},{x},{y + 16}"
        members[f"{split}/gt/gt_img_{index}.txt"] = (
            f"{corners},{number}\n50,50,60,50,60,60,50,60,###\n".encode()
        )
    return {f"{split}.tar.gz": archive(changed(members, changes))}


def changing(
    sizes: Mapping[str, int] | None = None, top: bool = True, changes: Parts = NO_PARTS
) -> dict[str, bytes]:
    """Change segmentation: in B a digit has come. Sizes are images by split, changes by part."""
    parts: dict[str, Members] = {"A": {}, "B": {}, "label": {}, "list": {}}
    seed = 0
    for split, count in (sizes or {"train": 3, "val": 2, "test": 2, "predict": 1}).items():
        names = [f"{split}_{index}.png" for index in range(count)]
        for name in names:
            before, seed = scene(seed, 2), seed + 1
            after, mask = before.copy(), np.zeros_like(before)
            x, y = 3 + 5 * seed % 40, 3 + 7 * seed % 40
            put(after, np.full((16, 16), 220, np.uint8), x, y)
            mask[y : y + 16, x : x + 16] = 255
            for part, pixels in (("A", before), ("B", after), ("label", mask)):
                parts[part][name] = encoded(pixels)
        parts["list"][f"{split}.txt"] = "".join(f"{name}\n" for name in names).encode()
    return {
        f"{part}.tar.gz": archive(
            {
                f"{part}/{name}" if top else name: data
                for name, data in changed(members, changes.get(part, NO_CHANGES)).items()
            }
        )
        for part, members in parts.items()
    }


def parts(
    good: int = 3,
    bad: int = 3,
    lights: tuple[str, ...] = LIGHTS,
    top: str = "images/",
    changes: Changes = NO_CHANGES,
    table: bytes | None = None,
) -> dict[str, bytes]:
    """Inspection: a part is the digit 8, a defective one a 3, under lights of growing brightness."""
    members: Members = {}
    rows = ["input_path,golden_path,label,object_name"]
    for index in range(good + bad):
        label = "PASS" if index < good else "MISSING"
        name = f"R_{index}"
        rows.append(f"board_{index}/,golden/,{label},{name}")
        for place, light in enumerate(lights):
            suffix = f"_{light}.jpg" if light else ".jpg"
            for folder, digit, first in (
                (f"board_{index}", 8 if label == "PASS" else 3, index),
                ("golden", 8, 90),
            ):
                lit = (scan(digit, first).astype(float) * (0.5 + 0.15 * place)).clip(0, 255).astype(np.uint8)
                members[f"{top}{folder}/{name}{suffix}"] = encoded(lit, "JPEG")
    csv = table if table is not None else "".join(f"{row}\n" for row in rows).encode()
    return {"images.tar.gz": archive(changed(members, changes)), "dataset.csv": csv}


def videos(
    count: int = 2, frames: int = 5, top: str = "{split}/", changes: Parts = NO_PARTS
) -> dict[str, bytes]:
    """Action recognition: a digit moves to the left or to the right. Changes are by split."""
    found = {}
    for place, split in enumerate(("train", "test")):
        members: Members = {}
        for step, action in ((3, "right"), (-3, "left")):
            for index in range(count):
                folder = f"{top.format(split=split)}{action}/video_{index}"
                for frame in range(frames):
                    canvas = np.zeros((32, 32), np.uint8)
                    put(canvas, scan(index % 10, 20 * place + index), 8 + step * (frame - frames // 2), 8)
                    flow = np.where(canvas > 40, 128 + 10 * step, 128).astype(np.uint8)
                    still = np.full_like(canvas, 128)
                    rgb = np.repeat(canvas[..., None], 3, axis=2)
                    for modality, pixels in (("rgb", rgb), ("u", flow), ("v", still)):
                        members[f"{folder}/{modality}/{frame + 1:06d}.png"] = encoded(pixels)
        found[f"{split}.tar.gz"] = archive(changed(members, changes.get(split, NO_CHANGES)))
    return found
