"""What the tests of mae share: a small spec, and digits as images in folders of which no list tells."""

from pathlib import Path

from tunesmith.data.digits import write_digits

SSL = "image_classification ssl"
SIDE = 64
SMALL_MAE = {
    "model.arch": "timm/test_vit",
    "model.decoder_embed_dim": 64,
    "model.drop_path_rate": 0.0,
    "dataset.augmentation.input_size": SIDE,
    "dataset.augmentation.hflip": 0.0,  # a mirrored digit is another one
    "dataset.augmentation.min_scale": 1.0,
    "dataset.augmentation.max_scale": 1.0,
    "dataset.augmentation.min_ratio": 1.0,
    "dataset.augmentation.max_ratio": 1.0,
    "dataset.batch_size": 16,
    "dataset.num_workers_per_gpu": 0,
    "train.num_epochs": 1,
    "train.optim.lr": 2e-3,
    "train.optim.lr_scheduler": "cosine",
}
"""A spec that trains within seconds on a few hundred digits."""

TUNED = {
    "train.stage": "finetune",
    "train.optim.backbone_multiplier": 1.0,
    "train.optim.layer_decay": 1.0,
    "dataset.augmentation.auto_aug": "",
    "dataset.augmentation.mixup": 0.0,
    "dataset.augmentation.cutmix": 0.0,
    "dataset.augmentation.smoothing": 0.0,
}
"""Fine-tuning without what makes it slow to learn."""


def write_unlabelled_digits(folder: Path, train: int = 600, val: int = 200, test: int = 20) -> None:
    """Digits without a list of classes; they lie in folders of their names."""
    write_digits(folder, train=train, val=val, test=test, size=SIDE)
    (folder / "classes.txt").unlink()
