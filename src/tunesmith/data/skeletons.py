"""Pose classification datasets: sequences of skeletons as one array a split, and their labels in a pickle."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.safe_pickle import read_pickle

Split = Literal["train", "val"]
SPLITS: tuple[Split, ...] = ("train", "val")
JOINTS = {"nvidia": 34, "kinetics": 18}
"""The folders that a dataset may consist of, and how many joints a skeleton has in each."""

_CHANNELS = 3
_MOST_CLASSES = 100_000
_LARGEST_SAMPLE = 1 << 28
_FLOATS = ("<f4", "<f2", "<f8")
_BROKEN = (
    *(ValueError, OSError, EOFError, SyntaxError, TokenError, TypeError, LookupError, OverflowError),
    *(RecursionError, MemoryError),  # Python's parser, at too many brackets
)
"""What numpy raises for headers that are damaged or made to harm."""

_SHAPE = "(samples, 3, frames, joints, persons)"
_REMEDY = f"Save a float32 array of the shape {_SHAPE} with numpy.save."
_LABEL_REMEDY = "Save (names, labels) with pickle.dump: two lists with a text and a whole number a sample."


@dataclass(frozen=True, eq=False)
class Skeletons:
    """The sequences of one split.

    Attributes:
        data: of shape (samples, 3, frames, joints, persons), mapped from the file; float32 as a rule.
        names: of the samples.
        labels: the index of each sample's class.
    """

    data: NDArray[np.floating[Any]]
    names: tuple[str, ...]
    labels: NDArray[np.int64]


class SkeletonData:
    """A pulled dataset, for reading.

    Attributes:
        graph: which skeletons it holds, nvidia or kinetics.
    """

    def __init__(self, folder: PulledFolder, graph: str) -> None:
        self._folder = folder.files / graph
        self.graph = graph

    @classmethod
    def open(cls, pulled: Path) -> "SkeletonData":
        """The dataset in the cache folder of a finished pull.

        Raises:
            DatasetError: it holds neither skeletons of nvidia's kind nor of kinetics'.
        """
        folder = PulledFolder(pulled)
        graph = next((graph for graph in JOINTS if (folder.files / graph / "train_data.npy").exists()), None)
        if graph is None:
            raise DatasetError("The dataset has no nvidia/train_data.npy; upload it and pull again.")
        return cls(folder, graph)

    def skeletons(self, split: Split) -> Skeletons:
        """The sequences of a split.

        Raises:
            FileFlawError: the array or the labels cannot be used, or do not fit one another.
        """
        data = read_sequences(self.data_file(split), JOINTS[self.graph])
        names, labels = read_labels(self.label_file(split))
        if len(labels) != len(data):
            fault = f"holds {len(labels)} labels for {len(data)} samples"
            raise FileFlawError(self.label_file(split).name, fault, "Save a label for each sample.")
        return Skeletons(data, names, labels)

    def data_file(self, split: Split) -> Path:
        """Where the sequences of a split are."""
        return self._folder / f"{split}_data.npy"

    def label_file(self, split: Split) -> Path:
        """Where the labels of a split are."""
        return self._folder / f"{split}_label.pkl"


def read_sequences(path: Path, joints: int) -> NDArray[np.floating[Any]]:
    """An array of sequences, mapped and not read.

    Raises:
        FileFlawError: it is no such array, is empty or cut off, or has another shape or type.
    """
    try:
        data = np.lib.format.open_memmap(path, mode="r")
    except _BROKEN:
        raise FileFlawError(path.name, "is not a whole array of numbers", _REMEDY) from None
    if data.ndim != 5 or data.shape[1] != _CHANNELS or 0 in data.shape:
        raise FileFlawError(path.name, f"has the shape {data.shape}, not {_SHAPE}", _REMEDY)
    if data.shape[3] != joints:
        fault = f"has {data.shape[3]} joints a skeleton, not {joints}"
        raise FileFlawError(path.name, fault, "Use nvidia/ for 34 joints and kinetics/ for 18.")
    if data[0].nbytes > _LARGEST_SAMPLE:
        fault = f"has samples of {data.shape[2]} frames and {data.shape[4]} persons, too many to read at once"
        raise FileFlawError(path.name, fault, "Cut the sequences into shorter ones.")
    if data.dtype.str not in _FLOATS:
        raise FileFlawError(path.name, f"has values of the type {data.dtype}, not float32", _REMEDY)
    return data


def read_labels(path: Path) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The names and class indices of the samples.

    Raises:
        FileFlawError: it is no pickle of lists, texts and whole numbers, or they are not as many.
    """
    value = read_pickle(path)
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise FileFlawError(path.name, "does not hold (names, labels)", _LABEL_REMEDY)
    names, labels = (_items(path, items) for items in value)
    if len(names) != len(labels):
        fault = f"holds {len(names)} names and {len(labels)} labels"
        raise FileFlawError(path.name, fault, _LABEL_REMEDY)
    for place, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < _MOST_CLASSES:
            fault = f"has a label that is no class index at place {place}"
            raise FileFlawError(path.name, fault, _LABEL_REMEDY)
    texts = tuple(name if isinstance(name, str) else str(place) for place, name in enumerate(names))
    return texts, np.array(labels, dtype=np.int64)


def _items(path: Path, value: Any) -> Sequence[Any]:
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return [item.item() for item in value]
    if isinstance(value, list | tuple):
        return value
    raise FileFlawError(path.name, "holds names or labels that are no list", _LABEL_REMEDY)
