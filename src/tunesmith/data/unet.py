"""Segmentation datasets of images and masks in folders of their splits, as U-Net's readers have them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tunesmith.data.errors import DatasetError
from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.stems import Stems, by_stem

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
MASKED: tuple[Split, ...] = ("train", "val")
"""The splits that must have masks; test may."""


@dataclass(frozen=True)
class MaskedImage:
    """An image and its mask, which is None where there is none: to predict on."""

    path: Path
    mask: Path | None


class UnetData:
    """A pulled dataset, for reading: `class_masks.read_class_mask` reads its masks.

    Attributes:
        images: the images of each split by stem.
        masks: the same for masks.
    """

    def __init__(self, folder: PulledFolder) -> None:
        self.images = {split: _images(folder.extracted / "images" / split) for split in SPLITS}
        self.masks = {split: _images(folder.extracted / "masks" / split) for split in SPLITS}

    @classmethod
    def open(cls, pulled: Path) -> "UnetData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def samples(self, split: Split) -> list[MaskedImage]:
        """The images of a split, sorted by stem; those of train and val with their masks, others left out.

        Raises:
            DatasetError: there is none.
        """
        masks = self.masks[split].by_stem
        found = [MaskedImage(path, masks.get(stem)) for stem, path in self.images[split].by_stem.items()]
        usable = [one for one in found if one.mask or split not in MASKED]
        if not usable:
            with_mask = f" with a mask in masks/{split}.tar.gz" if split in MASKED else ""
            raise DatasetError(f"images/{split}.tar.gz holds no image{with_mask}; add some and pull again.")
        return usable


def _images(folder: Path) -> Stems:
    return by_stem(path for path in files_below(folder) if is_image(path)) if folder.is_dir() else Stems()
