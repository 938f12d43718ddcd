"""What the tests of segmentation share: a small spec, and scenes of digits as images and masks."""

from pathlib import Path

from tunesmith.data.scenes import compose, write_semantic

UNET = "segmentation unet"
DIGITS = (0, 1)
SIZE = 96
AUGMENTATION = "dataset.segment.augmentation."
PLAIN_SEGMENTS = {
    AUGMENTATION + key: False
    for key in (
        "random_flip.enable",
        "random_rotate.enable",
        "random_color.enable",
        "with_scale_random_crop.enable",
        "with_random_blur",
        "with_random_crop",
    )
}
"""No augmentation at all."""

SMALL_SEGMENTS = PLAIN_SEGMENTS | {
    "model.backbone.type": "test_resnet",
    "model.decode_head.decoder_params": {"embed_dim": 32},
    "dataset.segment.img_size": SIZE,
    "dataset.segment.batch_size": 8,
    "dataset.segment.workers": 0,
    "train.num_epochs": 1,
    "train.optim.lr": 4e-3,
    "train.precision": "fp32",
}
"""A spec that trains within seconds on a few dozen scenes."""


def write_masked_scenes(folder: Path, train: int = 48, val: int = 16, test: int = 4) -> None:
    """Scenes with noughts and ones, and their masks: 0 is the ground, 1 a nought, 2 a one."""
    size = (SIZE, SIZE)
    counts = {"train": (train, "train"), "val": (val, "val"), "test": (test, "val")}
    splits = {
        split: compose(count, digits=DIGITS, size=size, split=scans, seed=seed)  # type: ignore[arg-type]
        for seed, (split, (count, scans)) in enumerate(counts.items())
    }
    write_semantic(folder, splits)
