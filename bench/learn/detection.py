"""Detection of digits on photographs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.learn.case import MEASURED, TRAINED, WORKSPACE, Case
from bench.learn.encoder import write_encoder
from tunesmith.data.scenes import MaskKind, compose, write_scenes

SIDE = 160
DIGITS = (0, 1, 3, 4, 7)
WORDED = (0, 1, 7)
_ENCODER = "encoders/untaught"


def write_boxed(folder: Path, digits: Sequence[int], train: int, masks: MaskKind | None = None) -> None:
    """Scenes with boxes. Those to measure on show scans that no scene to learn from shows."""
    size = (SIDE, SIDE)
    learnt = compose(train, digits=digits, size=size, seed=0)
    measured = compose(60, digits=digits, size=size, seed=2, split="val")
    for name, scenes in ((TRAINED, learnt), (MEASURED, measured)):
        write_scenes(folder / name, scenes, masks=masks)


def write_worded(folder: Path, masks: MaskKind | None = None) -> None:
    """Scenes of a few digits, and a text encoder of random weights in the workspace."""
    write_boxed(folder, WORDED, 240, masks)
    write_encoder(folder / WORKSPACE / _ENCODER, width=64)


_DEFORMABLE = {
    "model.backbone": "resnet10t",
    "model.hidden_dim": 64,
    "model.nheads": 4,
    "model.dim_feedforward": 128,
    "model.enc_layers": 2,
    "model.dec_layers": 2,
    "model.num_queries": 50,
    "model.num_select": 50,
    "model.dropout_ratio": 0.0,
    "dataset.augmentation.scales": [SIDE],
    "dataset.augmentation.train_random_resize": [SIDE],
    "dataset.augmentation.train_random_crop_min": 130,
    "dataset.augmentation.train_random_crop_max": SIDE,
    "dataset.augmentation.random_resize_max_size": SIDE,
    "dataset.augmentation.test_random_resize": SIDE,
    "dataset.augmentation.horizontal_flip_prob": 0.0,  # a mirrored digit is another one
    "dataset.batch_size": 8,
    "dataset.workers": 1,
    "train.activation_checkpoint": False,
    "train.optim.lr": 1e-3,
    "train.optim.lr_backbone": 1e-3,
    "train.optim.lr_linear_proj_mult": 1.0,
    "train.precision": "auto",
}

_WORDED = _DEFORMABLE | {
    "model.backbone": "test_byobnet",
    "model.text_encoder_type": _ENCODER,
    "model.max_text_len": 32,
    "model.class_embed_bias": True,
    "model.log_scale": "auto",
    "model.enc_layers": 1,
    "model.num_feature_levels": 3,
    "model.return_interm_indices": [1, 2, 3],
    "train.num_epochs": 24,
    "train.optim.lr_steps": [19],
    "train.validation_interval": 8,
    "train.checkpoint_interval": 24,
    "train.precision": "fp32",
}

CASES = (
    Case(
        network="rtdetr",
        data="280 scenes of 160 x 160 pixels: five digits",
        kind=("object_detection", "coco"),
        write=partial(write_boxed, digits=DIGITS, train=280),
        specs={
            "model.backbone": "resnet10t",
            "model.hidden_dim": 96,
            "model.nheads": 4,
            "model.dim_feedforward": 192,
            "model.dec_layers": 3,
            "model.num_queries": 50,
            "model.num_select": 50,
            "model.dn_number": 30,
            "model.expansion": 0.5,
            "dataset.augmentation.train_spatial_size": [SIDE, SIDE],
            "dataset.augmentation.eval_spatial_size": [SIDE, SIDE],
            "dataset.augmentation.multi_scales": [],
            "dataset.augmentation.iou_crop_prob": 0.2,
            "dataset.augmentation.distortion_prob": 0.3,
            "dataset.batch_size": 8,
            "dataset.workers": 1,
            "train.activation_checkpoint": False,
            "train.num_epochs": 18,
            "train.optim.lr": 1e-3,
            "train.optim.lr_backbone": 1e-3,
            "train.optim.lr_steps": [14],
            "train.precision": "auto",
            "train.validation_interval": 6,
            "train.checkpoint_interval": 18,
        },
        metric="val_mAP50",
        least=0.85,
    ),
    Case(
        network="efficientdet_tf2",
        data="280 scenes of 160 x 160 pixels: five digits",
        kind=("object_detection", "coco"),
        write=partial(write_boxed, digits=DIGITS, train=280),
        specs={
            "model.backbone": "test_byobnet",
            "model.fpn_num_filters": 64,
            "model.fpn_cell_repeats": 2,
            "model.box_class_repeats": 2,
            "model.input_width": SIDE,
            "model.input_height": SIDE,
            "dataset.loader.workers": 1,
            "dataset.augmentation.rand_hflip": False,  # a mirrored digit is another one
            "dataset.augmentation.random_crop_min_scale": 0.7,
            "dataset.augmentation.random_crop_max_scale": 1.3,
            "train.batch_size": 8,
            "train.num_epochs": 28,
            "train.optimizer.name": "adam",
            "train.lr_schedule.learning_rate": 2e-3,
            "train.lr_schedule.warmup_epoch": 1,
            "train.moving_average_decay": 0.99,
            "train.image_preview": False,
            "train.validation_interval": 7,
            "train.checkpoint_interval": 28,
            "prune.threshold": 0.9,
            "prune.min_num_filters": 16,
        },
        metric="AP50",
        least=0.80,
        kept=0.02,
    ),
    Case(
        network="deformable_detr",
        data="280 scenes of 160 x 160 pixels: five digits",
        kind=("object_detection", "coco"),
        write=partial(write_boxed, digits=DIGITS, train=280),
        specs=_DEFORMABLE
        | {
            "train.num_epochs": 24,
            "train.optim.lr_steps": [19],
            "train.validation_interval": 8,
            "train.checkpoint_interval": 24,
        },
        metric="val_mAP50",
        least=0.50,
    ),
    Case(
        network="dino",
        data="280 scenes of 160 x 160 pixels: five digits",
        kind=("object_detection", "coco"),
        write=partial(write_boxed, digits=DIGITS, train=280),
        specs=_DEFORMABLE
        | {
            "model.dn_number": 30,
            "train.num_epochs": 18,
            "train.optim.lr_steps": [14],
            "train.validation_interval": 6,
            "train.checkpoint_interval": 18,
        },
        metric="val_mAP50",
        least=0.70,
    ),
    Case(
        network="grounding_dino",
        data="240 scenes of 160 x 160 pixels: three digits by their names",
        kind=("object_detection", "coco"),
        write=write_worded,
        specs=_WORDED,
        metric="val_mAP50",
        least=0.50,
    ),
    Case(
        network="mask_grounding_dino",
        data="240 scenes of 160 x 160 pixels: three digits by their names, with masks",
        kind=("segmentation", "coco"),
        write=partial(write_worded, masks="polygons"),
        specs=_WORDED,
        metric="bbox_val_mAP50",
        least=0.40,
    ),
)
