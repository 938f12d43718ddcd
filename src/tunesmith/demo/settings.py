"""What the demo asks of the server: how much data, which network, which keys of the specs."""

from dataclasses import dataclass
from typing import Any

ORG = "demo"
USER = "ada"
NETWORK = "classification_pyt"


@dataclass(frozen=True)
class Recipe:
    """How much is learned from how much. The defaults reach 0.97 in less than a minute on two cores."""

    train_images: int = 1297
    val_images: int = 250
    test_images: int = 250
    epochs: int = 6
    image_size: int = 32
    batch_size: int = 32
    learning_rate: float = 2e-3
    backbone: str = "resnet10t"

    @property
    def counts(self) -> dict[str, int]:
        """Images of each split."""
        return {"train": self.train_images, "val": self.val_images, "test": self.test_images}

    def model(self) -> dict[str, Any]:
        """Keys that every action shares: the network and what goes into it."""
        return {
            "model.backbone.type": self.backbone,
            "dataset.img_size": self.image_size,
            "dataset.batch_size": self.batch_size,
        }

    def train(self) -> dict[str, Any]:
        """Keys of the training. A digit that is mirrored or turned is another digit, or none."""
        augmentation = "dataset.augmentation"
        return self.model() | {
            "train.num_epochs": self.epochs,
            "train.checkpoint_interval": self.epochs,
            "train.validation_interval": 1,
            "train.optim.lr": self.learning_rate,
            "train.optim.policy": "cosine",
            "train.optim.warmup_epochs": 1,
            f"{augmentation}.random_flip.enable": False,
            f"{augmentation}.random_rotate.enable": False,
            f"{augmentation}.random_aug.enable": False,
            f"{augmentation}.random_erase.enable": False,
            f"{augmentation}.with_random_blur": False,
        }


def edited(spec: dict[str, Any], edits: dict[str, Any]) -> dict[str, Any]:
    """The default spec with the dotted keys set, as a user edits it.

    Raises:
        KeyError: the spec has no such section.
    """
    for key, value in edits.items():
        *sections, leaf = key.split(".")
        place = spec
        for name in sections:
            place = place[name]
        place[leaf] = value
    return spec
