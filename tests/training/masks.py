"""What the tests of segmentation by masks share: a small spec, and scenes of digits in COCO's layouts."""

from pathlib import Path
from typing import Any

from tunesmith.data.panoptic_scenes import write_panoptic
from tunesmith.data.scenes import Scene, compose, write_scenes

PANOPTIC = "segmentation coco_panoptic"
INSTANCES = "segmentation coco"
DIGITS = (0, 1)
SIZE = 96
SMALL_MASKS: dict[str, Any] = {
    "model.backbone.type": "test_byobnet",
    "model.sem_seg_head.convs_dim": 64,
    "model.sem_seg_head.mask_dim": 64,
    "model.sem_seg_head.transformer_enc_layers": 1,
    "model.mask_former.hidden_dim": 64,
    "model.mask_former.dim_feedforward": 128,
    "model.mask_former.nheads": 4,
    "model.mask_former.dec_layers": 2,
    "model.mask_former.num_object_queries": 12,
    "model.mask_former.train_num_points": 512,
    "dataset.train.batch_size": 8,
    "dataset.val.batch_size": 8,
    "dataset.test.batch_size": 8,
    "dataset.workers": 1,
    "dataset.augmentation.train_min_size": [SIZE],
    "dataset.augmentation.train_crop_size": [SIZE, SIZE],
    "dataset.augmentation.test_min_size": SIZE,
    "dataset.augmentation.test_max_size": SIZE,
    "train.activation_checkpoint": False,
    "train.num_epochs": 1,
    "train.optim.lr": 1e-3,
    "train.optim.backbone_multiplier": 1.0,
    "train.precision": "fp32",
}
"""A spec of mask2former that trains within seconds on a few dozen scenes."""

INLINE = {f"dataset.{use}.num_workers": 0 for use in ("train", "val", "test")}
"""Without processes that load images: for few images they only cost their start."""


def scenes_of(count: int, split: str = "train", seed: int = 0) -> list[Scene]:
    """Scenes with noughts and ones."""
    return compose(count, digits=DIGITS, size=(SIZE, SIZE), split=split, seed=seed)  # type: ignore[arg-type]


def write_panoptic_scenes(folder: Path, count: int, split: str = "train", seed: int = 0) -> None:
    """As a panoptic dataset: the ids of the categories are 1, 2, and 11 for the ground."""
    write_panoptic(folder, scenes_of(count, split, seed))


def write_instance_scenes(folder: Path, count: int, split: str = "train", seed: int = 0) -> None:
    """As instances with run lengths; the ids of the categories are 1 and 2."""
    write_scenes(folder, scenes_of(count, split, seed), masks="rle")
