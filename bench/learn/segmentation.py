"""Semantic segmentation of digits on photographs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.learn.case import MEASURED, TRAINED, Case
from tunesmith.data.scenes import compose, write_semantic

SIDE = 160


def write_masked(folder: Path, digits: Sequence[int], train: int) -> None:
    """Scenes with masks. All but those to learn from show scans that no scene to learn from shows."""
    size = (SIDE, SIDE)
    learnt = compose(train, digits=digits, size=size, seed=0)
    chosen_by, unseen, last = (
        compose(count, digits=digits, size=size, seed=seed, split="val")
        for seed, count in ((1, 40), (2, 60), (3, 10))
    )
    write_semantic(folder / TRAINED, {"train": learnt, "val": chosen_by, "test": last})
    write_semantic(folder / MEASURED, {"train": last, "val": unseen, "test": last})


CASES = (
    Case(
        network="segformer",
        data="240 scenes of 160 x 160 pixels: the ground and five digits",
        kind=("segmentation", "unet"),
        write=partial(write_masked, digits=(0, 1, 3, 4, 7), train=240),
        specs={
            "model.backbone.type": "resnet10t",
            "model.decode_head.decoder_params": {"embed_dim": 64},
            "dataset.segment.img_size": SIDE,
            "dataset.segment.batch_size": 8,
            "dataset.segment.workers": 0,
            "dataset.segment.augmentation.random_flip.enable": False,  # a mirrored digit is another one
            "dataset.segment.augmentation.random_rotate.enable": False,
            "dataset.segment.augmentation.random_color.hue": 0.1,
            "train.num_epochs": 30,
            "train.optim.lr": 2e-3,
            "train.validation_interval": 5,
            "train.checkpoint_interval": 30,
        },
        metric="val_miou",
        least=0.80,
    ),
)
