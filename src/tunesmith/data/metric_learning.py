"""Metric learning datasets: class folders of products that are known, and of products that come later."""

from pathlib import Path
from typing import Literal

from tunesmith.data.image_tree import ImageTree, image_tree
from tunesmith.data.pulled import PulledFolder

BASE = "metric_learning_recognition/retail-product-checkout-dataset_classification_demo"
Part = Literal[
    "known_classes/train",
    "known_classes/reference",
    "known_classes/val",
    "unknown_classes/train",
    "unknown_classes/reference",
    "unknown_classes/test",
]
PARTS: tuple[Part, ...] = (
    "known_classes/train",
    "known_classes/reference",
    "known_classes/val",
    "unknown_classes/train",
    "unknown_classes/reference",
    "unknown_classes/test",
)


class MetricLearningData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, pulled: Path) -> "MetricLearningData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def tree(self, part: Part) -> ImageTree | None:
        """What the archive of a part holds, in class folders and beside them; None if it is not here."""
        folder = self._folder.extracted / BASE / part
        return image_tree(folder) if folder.is_dir() else None

    def images(self, part: Part) -> dict[str, list[Path]]:
        """The images of a part by class, sorted. Images outside the class folders are left out."""
        tree = self.tree(part)
        return {name: paths for name, paths in tree.by_folder.items() if paths} if tree else {}
