"""Datasets to generate images from: images, with a class for each if dataset.json is there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.named_files import NamedFiles
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.text_files import read_json

LABELS = "dataset.json"
_LARGEST_CLASS = 100_000
_REMEDY = 'Write it as {"labels": [["images/0.png", 0], ...]}, or as {"labels": null}.'


@dataclass(frozen=True)
class SquareImage:
    """An image and the index of its class, None if the dataset has no classes."""

    path: Path
    label: int | None


class SquareData:
    """A pulled dataset, for reading.

    A dataset with dataset.json is ready to learn from: its images are square and of one size. Those of one
    without may be of any size; who learns from them cuts out the middle square and scales it.
    """

    def __init__(self, folder: PulledFolder) -> None:
        root = folder.extracted / "images"
        files = list(files_below(root)) if root.is_dir() else []
        self.images = [path for path in files if is_image(path)]
        listed = [path for path in files if path.name == LABELS]
        beside = folder.files / LABELS
        self.list_file = beside if beside.exists() else min(listed, key=_depth, default=None)
        self._named = NamedFiles(root, self.images)

    @classmethod
    def open(cls, pulled: Path) -> "SquareData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def labels(self) -> list[tuple[str, int]] | None:
        """The file and the class of each line of dataset.json; None if there are no classes.

        Raises:
            FileFlawError: it is no JSON, or not of that form.
        """
        return read_labels(self.list_file) if self.list_file else None

    def find(self, name: str) -> Path | None:
        """The image that dataset.json names."""
        return self._named.find(name)

    def samples(self) -> list[SquareImage]:
        """The images: those of dataset.json, in its order, or all of them.

        Raises:
            DatasetError: there is none, or dataset.json is unusable or names one that is not there.
        """
        if not self.images:
            raise DatasetError("images.tar.gz holds no image; upload images and pull again.")
        labels = self.labels()
        if labels is None:
            return [SquareImage(path, None) for path in self.images]
        found = []
        for name, label in labels:
            path = self.find(name)
            if path is None:
                raise FileFlawError(LABELS, f"names {name[:80]!r}, which is not there", "Add the image.")
            found.append(SquareImage(path, label))
        return found


def read_labels(path: Path) -> list[tuple[str, int]] | None:
    """What dataset.json says. Raises as `SquareData.labels`."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise FileFlawError(path.name, "is not a JSON object", _REMEDY)
    labels = found.get("labels")
    if labels is None:
        return None
    if not isinstance(labels, list) or not labels:
        raise FileFlawError(path.name, "has no list of labels", _REMEDY)
    return [_label(path, number, entry) for number, entry in enumerate(labels)]


def _label(path: Path, number: int, entry: Any) -> tuple[str, int]:
    match entry:
        case [str() as name, int() as label] if not isinstance(label, bool) and 0 <= label < _LARGEST_CLASS:
            return name, label
    fault = f"has the label {number}, which is no file and class index below {_LARGEST_CLASS}"
    raise FileFlawError(path.name, fault, _REMEDY)


def _depth(path: Path) -> int:
    return len(path.parts)
