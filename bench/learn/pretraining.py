"""Learning without labels from digit scans."""

from pathlib import Path

from bench.learn.case import MEASURED, TRAINED, Case
from tunesmith.data.digits import write_digits

SIDE = 128


def write_unlabelled(folder: Path) -> None:
    """Scans to learn from, and others, in folders of their classes, to probe what was learnt."""
    for name, unused in ((TRAINED, ("test",)), (MEASURED, ("train", "val"))):
        write_digits(folder / name, train=1097, val=100, test=600, size=SIDE)
        (folder / name / "classes.txt").unlink()
        for split in unused:
            (folder / name / f"images_{split}.tar.gz").unlink()


CASES = (
    Case(
        network="mae",
        data="1,097 digit scans of 128 x 128 pixels, without labels; gain over the untrained encoder",
        kind=("image_classification", "ssl"),
        write=write_unlabelled,
        specs={
            "model.arch": "timm/test_vit",
            "model.decoder_embed_dim": 64,
            "model.drop_path_rate": 0.0,
            "dataset.augmentation.input_size": SIDE,
            "dataset.augmentation.hflip": 0.0,
            "dataset.augmentation.min_scale": 1.0,
            "dataset.augmentation.max_scale": 1.0,
            "dataset.augmentation.min_ratio": 1.0,
            "dataset.augmentation.max_ratio": 1.0,
            "dataset.batch_size": 32,
            "dataset.num_workers_per_gpu": 0,
            "train.mask_ratio": 0.75,
            "train.norm_pix_loss": True,
            "train.num_epochs": 50,
            "train.checkpoint_interval": 50,
            "train.validation_interval": 25,
            "train.optim.lr": 2e-3,
            "train.optim.lr_scheduler": "cosine",
        },
        against={"train.num_epochs": 1, "train.optim.lr": 1e-12},
        metric="val_probe_acc",
        least=0.20,
        halved="val_loss",
    ),
)
