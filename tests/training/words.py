"""What the tests of grounded detection share: a small spec, and scenes in ODVG format."""

import json
from pathlib import Path
from typing import Any

from tests.training.boxes import SMALL, write_boxed_scenes

ENCODER = "encoders/tiny-bert"
SMALL_WORDS = SMALL["dino"] | {
    "model.text_encoder_type": ENCODER,
    "model.dn_number": 0,
    "model.num_feature_levels": 2,
    "model.return_interm_indices": [1, 2],
    "model.max_text_len": 32,
    "model.class_embed_bias": True,
    "model.log_scale": "auto",
}
"""A spec of grounding_dino that trains within seconds on a few dozen scenes."""


def write_worded_scenes(
    folder: Path,
    count: int,
    *,
    captions: bool = False,
    masks: bool = False,
    split: str = "train",
    seed: int = 0,
) -> None:
    """Scenes of noughts and ones in ODVG format; `captions` describes them instead of naming classes."""
    write_boxed_scenes(folder, count, split, seed, "rle" if masks else None)
    coco = json.loads((folder / "annotations.json").read_text())
    (folder / "annotations.json").unlink()
    names = {one["id"]: one["name"] for one in coco["categories"]}
    lines = []
    for image in coco["images"]:
        boxes = [one for one in coco["annotations"] if one["image_id"] == image["id"]]
        found = [(names[one["category_id"]], one) for one in boxes]
        line = {key: image[key] for key in ("file_name", "width", "height")}
        if captions:
            text = "I see " + ", ".join(f"a {name}" for name in sorted({name for name, _ in found}))
            regions = [{"phrase": name, "bbox": _corners(one["bbox"])} for name, one in found]
            line["grounding"] = {"caption": text, "regions": regions}
        else:
            line["detection"] = {"instances": [_instance(name, one, masks) for name, one in found]}
        lines.append(json.dumps(line))
    (folder / "annotations_odvg.jsonl").write_text("".join(f"{line}\n" for line in lines))
    labels = {} if captions else {str(label): name for label, name in names.items()}
    (folder / "annotations_odvg_labelmap.json").write_text(json.dumps(labels))


def _instance(name: str, found: dict[str, Any], masks: bool) -> dict[str, Any]:
    instance = {"bbox": _corners(found["bbox"]), "label": found["category_id"], "category": name}
    return instance | ({"mask": found["segmentation"]} if masks else {})


def _corners(box: list[float]) -> list[float]:
    left, top, width, height = box
    return [left, top, left + width, top + height]
