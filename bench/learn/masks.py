"""Segmentation of digits on photographs by masks."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.learn.case import MEASURED, TRAINED, Case
from tunesmith.data.panoptic_scenes import write_panoptic
from tunesmith.data.scenes import compose

SIDE = 96


def write_segmented(folder: Path, digits: Sequence[int], train: int) -> None:
    """Scenes with segments. Those to measure on show scans that no scene to learn from shows."""
    size = (SIDE, SIDE)
    write_panoptic(folder / TRAINED, compose(train, digits=digits, size=size, seed=0))
    write_panoptic(folder / MEASURED, compose(60, digits=digits, size=size, seed=2, split="val"))


CASES = (
    Case(
        network="mask2former",
        data="160 scenes of 96 x 96 pixels: the ground and three digits",
        kind=("segmentation", "coco_panoptic"),
        write=partial(write_segmented, digits=(0, 1, 4), train=160),
        specs={
            "model.backbone.type": "resnet10t",
            "model.sem_seg_head.convs_dim": 64,
            "model.sem_seg_head.mask_dim": 64,
            "model.sem_seg_head.transformer_enc_layers": 1,
            "model.mask_former.hidden_dim": 64,
            "model.mask_former.dim_feedforward": 128,
            "model.mask_former.nheads": 4,
            "model.mask_former.dec_layers": 3,
            "model.mask_former.num_object_queries": 16,
            "model.mask_former.train_num_points": 768,
            "dataset.train.batch_size": 8,
            "dataset.val.batch_size": 8,
            "dataset.workers": 1,
            "dataset.augmentation.train_min_size": [88, 96, 104],
            "dataset.augmentation.train_crop_size": [SIDE, SIDE],
            "dataset.augmentation.test_min_size": SIDE,
            "dataset.augmentation.test_max_size": SIDE,
            "train.activation_checkpoint": False,
            "train.num_epochs": 18,
            "train.optim.lr": 1e-3,
            "train.optim.backbone_multiplier": 1.0,
            "train.optim.milestones": [15],
            "train.precision": "fp32",
            "train.validation_interval": 6,
            "train.checkpoint_interval": 18,
        },
        metric="mIoU",
        least=0.60,
    ),
)
