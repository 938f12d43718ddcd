"""What the tests of detection share: a small spec, and scenes of digits with boxes."""

from pathlib import Path

from tunesmith.data.scenes import MaskKind, compose, write_scenes

COCO = "object_detection coco"
DIGITS = (0, 1)
SIZE = 96
SMALL_BOXES = {
    "model.backbone": "test_byobnet",
    "model.hidden_dim": 64,
    "model.nheads": 4,
    "model.dim_feedforward": 128,
    "model.dec_layers": 2,
    "model.num_queries": 30,
    "model.num_select": 30,
    "model.dn_number": 20,
    "model.expansion": 0.5,
    "dataset.augmentation.train_spatial_size": [SIZE, SIZE],
    "dataset.augmentation.eval_spatial_size": [SIZE, SIZE],
    "dataset.augmentation.multi_scales": [],
    "dataset.augmentation.distortion_prob": 0.0,
    "dataset.augmentation.iou_crop_prob": 0.0,
    "dataset.batch_size": 8,
    "dataset.workers": 1,
    "train.activation_checkpoint": False,
    "train.num_epochs": 1,
    "train.optim.lr": 1e-3,
    "train.optim.lr_backbone": 1e-3,
    "train.precision": "fp32",
}
"""A spec of rtdetr that trains within seconds on a few dozen scenes."""


_DEFORMABLE = {
    "model.backbone": "test_byobnet",
    "model.hidden_dim": 64,
    "model.nheads": 4,
    "model.dim_feedforward": 128,
    "model.enc_layers": 1,
    "model.dec_layers": 2,
    "model.num_queries": 30,
    "model.num_select": 30,
    "model.dropout_ratio": 0.0,
    "dataset.augmentation.scales": [SIZE],
    "dataset.augmentation.train_random_resize": [SIZE],
    "dataset.augmentation.train_random_crop_min": SIZE,
    "dataset.augmentation.train_random_crop_max": SIZE,
    "dataset.augmentation.random_resize_max_size": SIZE,
    "dataset.augmentation.test_random_resize": SIZE,
    "dataset.augmentation.horizontal_flip_prob": 0.0,
    "dataset.batch_size": 8,
    "dataset.workers": 1,
    "train.activation_checkpoint": False,
    "train.num_epochs": 1,
    "train.optim.lr": 1e-3,
    "train.optim.lr_backbone": 1e-3,
    "train.precision": "fp32",
}

SMALL = {"rtdetr": SMALL_BOXES, "deformable_detr": _DEFORMABLE, "dino": _DEFORMABLE | {"model.dn_number": 20}}
"""Specs that train within seconds, by network."""

_TWO_MAPS = {"model.return_interm_indices": [1, 2], "model.num_feature_levels": 2}
QUICK = {
    "rtdetr": SMALL_BOXES | _TWO_MAPS | {"model.use_encoder_idx": [1]},
    "deformable_detr": _DEFORMABLE | _TWO_MAPS,
    "dino": SMALL["dino"] | _TWO_MAPS,
}
"""The same with two maps, which are enough for the few sizes of digits, for models that have to learn."""


def write_boxed_scenes(
    folder: Path, count: int, split: str = "train", seed: int = 0, masks: MaskKind | None = None
) -> None:
    """Scenes with noughts and ones; the category ids are 1 and 2."""
    drawn = compose(count, digits=DIGITS, size=(SIZE, SIZE), split=split, seed=seed)  # type: ignore[arg-type]
    write_scenes(folder, drawn, masks=masks)
