"""PointPillars datasets: sweeps of a lidar, and the objects labelled in the lidar's own coordinates."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tunesmith.data.partners import Kind, kind
from tunesmith.data.pulled import PulledFolder

Split = Literal["train", "val"]
SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True)
class Sweep:
    """A point cloud and the label file of the same name."""

    name: str
    points: Path
    labels: Path


class PointPillarsData:
    """A pulled dataset, for reading: `read_points` and `read_objects` read what a sweep names."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, pulled: Path) -> "PointPillarsData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def sweeps(self, split: Split) -> list[Sweep]:
        """The sweeps of a split that have a label, sorted by name."""
        clouds, labels = self.clouds(split).by_key, self.labels(split).by_key
        return [Sweep(name, clouds[name], labels[name]) for name in sorted(clouds.keys() & labels.keys())]

    def clouds(self, split: Split) -> Kind:
        """The point clouds of a split."""
        return kind(self._folder.extracted / split, {".bin"}, {"lidar"})

    def labels(self, split: Split) -> Kind:
        """The label files of a split."""
        return kind(self._folder.extracted / split, {".txt"}, {"label"})
