"""BEVFusion datasets in KITTI's layout: an image, a sweep and a calibration a frame, and labels."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from tunesmith.data.image_tree import files_below
from tunesmith.data.partners import Kind, folder_named, kind
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.suffixes import IMAGE_SUFFIXES
from tunesmith.data.text_files import read_text

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Frame:
    """What belongs to one moment. `labels` is None where there is none, as for testing."""

    name: str
    image: Path
    points: Path
    calibration: Path
    labels: Path | None


@dataclass(frozen=True)
class Folder:
    """The frames of training.tar.gz or testing.tar.gz: their files by kind and id."""

    images: Kind
    points: Kind
    calibrations: Kind
    labels: Kind

    def parts(self) -> dict[str, Kind]:
        """The files by the name of their folder."""
        return {
            "image_2": self.images,
            "velodyne": self.points,
            "calib": self.calibrations,
            "label_2": self.labels,
        }

    def frame(self, name: str) -> Frame | None:
        """The frame of an id; None if it lacks more than labels."""
        image = self.images.by_key.get(name)
        points = self.points.by_key.get(name)
        calibration = self.calibrations.by_key.get(name)
        if image is None or points is None or calibration is None:
            return None
        return Frame(name, image, points, calibration, self.labels.by_key.get(name))


class BevfusionData:
    """A pulled dataset, for reading: `read_points`, `read_objects` and `read_calibration` read its files."""

    def __init__(self, folder: PulledFolder) -> None:
        self._extracted = folder.extracted

    @classmethod
    def open(cls, pulled: Path) -> "BevfusionData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    @cached_property
    def training(self) -> Folder:
        """The frames of training.tar.gz."""
        return _folder(self._extracted / "training")

    @cached_property
    def testing(self) -> Folder:
        """The frames of testing.tar.gz."""
        return _folder(self._extracted / "testing")

    def folder(self, split: Split) -> Folder:
        """Where the frames of a split are."""
        return self.testing if split == "test" else self.training

    def list_file(self, split: Split) -> Path | None:
        """The list that names the frames of a split; None if there is none."""
        root = self._extracted / "ImageSets"
        found = (path for path in files_below(root) if path.name == f"{split}.txt") if root.is_dir() else ()
        return next(iter(found), None)

    def names(self, split: Split) -> list[str]:
        """The ids of a split in the order of its list; none if there is no list.

        Raises:
            FileFlawError: the list is no text.
        """
        path = self.list_file(split)
        lines = read_text(path).split("\n") if path else []
        return list(dict.fromkeys(line.strip() for line in lines if line.strip()))

    def frames(self, split: Split) -> list[Frame]:
        """The whole frames of a split. Raises as `names`."""
        found = (self.folder(split).frame(name) for name in self.names(split))
        return [frame for frame in found if frame]


def _folder(root: Path) -> Folder:
    def of(name: str, *suffixes: str) -> Kind:
        folder = folder_named(root, name)
        return kind(folder, suffixes) if folder else Kind()

    return Folder(
        of("image_2", *IMAGE_SUFFIXES), of("velodyne", ".bin"), of("calib", ".txt"), of("label_2", ".txt")
    )
