"""Semantic segmentation datasets of images and masks: an archive of each a split."""

from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.errors import DatasetError
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.stems import by_stem

SPLITS = ("train", "val", "test")
MASKED = ("train", "val")
"""The splits that have masks."""


@dataclass(frozen=True, slots=True)
class MaskedImage:
    """An image and its mask."""

    image: Path
    mask: Path


class UnetSplit:
    """The images and masks of a split, by stem; both archives may be absent."""

    def __init__(self, folder: PulledFolder, name: str) -> None:
        self.name = name
        self.image_files = ImageFiles(folder.extracted / "images" / name)
        self.images = by_stem(self.image_files.paths)
        self.masks = by_stem(ImageFiles(folder.extracted / "masks" / name).paths)

    @property
    def samples(self) -> list[MaskedImage]:
        """The images that have a mask, sorted by stem."""
        masks = self.masks.by_stem
        found = ((path, masks.get(stem)) for stem, path in self.images.by_stem.items())
        return [MaskedImage(image, mask) for image, mask in found if mask]


class UnetData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, pulled: Path) -> "UnetData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def split(self, name: str) -> UnetSplit:
        """A split, which may be empty: train, val or test."""
        return UnetSplit(self._folder, name)

    def samples(self, name: str) -> list[MaskedImage]:
        """The images of a split that have a mask, sorted by stem.

        Raises:
            DatasetError: there is none.
        """
        if found := self.split(name).samples:
            return found
        raise DatasetError(f"images/{name}.tar.gz has no image with a mask in masks/{name}.tar.gz; add some.")
