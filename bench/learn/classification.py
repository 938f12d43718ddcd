"""Classification of digit scans."""

import json
from pathlib import Path

from bench.learn.case import MEASURED, TRAINED, Case
from tunesmith.data.digits import write_digits

DATA = "1,297 digit scans of 32 x 32 pixels"
_PLAIN = (
    "random_flip.enable",
    "random_color.enable",
    "random_rotate.enable",
    "random_aug.enable",
    "random_erase.enable",
    "with_random_blur",
)


def write_split(folder: Path) -> None:
    """The scans to learn from and to choose the epoch by, and others that the training does not see."""
    for name, unused in ((TRAINED, ("test",)), (MEASURED, ("train", "val"))):
        write_digits(folder / name)
        for split in unused:
            (folder / name / f"images_{split}.tar.gz").unlink()


def write_mapped(folder: Path) -> None:
    """The same with a class map in the place of the list of classes."""
    write_split(folder)
    for name in (TRAINED, MEASURED):
        listed = folder / name / "classes.txt"
        names = listed.read_text(encoding="utf-8").split()
        classes = {one: index for index, one in enumerate(names)}
        listed.with_name("classmap.json").write_text(json.dumps(classes), encoding="utf-8")
        listed.unlink()


CASES = (
    Case(
        network="classification_pyt",
        data=DATA,
        kind=("image_classification", "classification_pyt"),
        write=write_split,
        specs={f"dataset.augmentation.{key}": False for key in _PLAIN}
        | {
            "model.backbone.type": "test_resnet",
            "dataset.img_size": 32,
            "dataset.batch_size": 32,
            "dataset.workers": 0,
            "train.num_epochs": 20,
            "train.checkpoint_interval": 20,
            "train.optim.lr": 2e-3,
        },
        metric="val_acc_1",
        least=0.97,
    ),
    Case(
        network="classification_tf2",
        data=DATA,
        kind=("image_classification", "classification_tf2"),
        write=write_mapped,
        specs={
            "model.backbone": "timm/test_efficientnet",
            "model.input_width": 32,
            "model.input_height": 32,
            "dataset.preprocess_mode": "torch",
            "dataset.augmentation.disable_horizontal_flip": True,
            "train.batch_size_per_gpu": 32,
            "train.n_workers": 1,
            "train.num_epochs": 30,
            "train.validation_interval": 1,
            "train.checkpoint_interval": 30,
            "train.optim_config.optimizer": "adam",
            "train.optim_config.lr": 4e-3,
            "train.optim_config.beta_1": 0.9,
            "train.optim_config.beta_2": 0.999,
        },
        metric="val_accuracy",
        least=0.97,
    ),
)
