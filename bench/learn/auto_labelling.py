"""Masks of digits on photographs, learnt from their boxes."""

from functools import partial
from pathlib import Path

from bench.learn.case import MEASURED, TRAINED, Case
from tunesmith.data.scenes import compose, write_scenes

SIDE = 160
DIGITS = (2, 4, 6, 7)


def write_boxed(folder: Path, train: int, measured: int) -> None:
    """Scenes with boxes alone to learn from, and others with masks. Digits fill 62 % of their boxes."""
    size = (SIDE, SIDE)
    write_scenes(folder / TRAINED, compose(train, digits=DIGITS, size=size, seed=0))
    unseen = compose(measured, digits=DIGITS, size=size, seed=2, split="val")
    write_scenes(folder / MEASURED, unseen, masks="rle")


CASES = (
    Case(
        network="mal",
        data="200 scenes of 160 x 160 pixels: boxes of four digits; gain over the filled boxes",
        kind=("segmentation", "default"),
        write=partial(write_boxed, train=200, measured=60),
        specs={
            "model.arch": "timm/test_vit3",
            "model.mask_head_num_convs": 2,
            "model.mask_head_hidden_channel": 32,
            "model.mask_head_out_channel": 32,
            "model.teacher_momentum": 0.99,
            "dataset.crop_size": 256,
            "dataset.min_obj_size": 0.0,
            "dataset.num_workers_per_gpu": 0,
            "train.num_epochs": 5,
            "train.checkpoint_interval": 5,
            "train.batch_size": 8,
            "train.use_amp": False,
            "train.lr": 1e-3,
            "train.optim_betas": [0.9, 0.999],
            "train.margin_rate": [0.2, 0.8],
            "train.mask_thres": [0.5],
            "train.loss_mil_step": 1,
            "train.loss_crf_step": 100,
            "train.loss_crf_weight": 1.0,
            "train.crf_num_iter": 20,
            "train.warmup_epochs": 0,
            "evaluate.batch_size": 16,
        },
        metric="val_gain_over_boxes",
        least=0.10,
    ),
)
