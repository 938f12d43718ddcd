"""Change segmentation datasets in LEVIR-CD's layout: a place before and after, and a mask of what changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.images import load
from tunesmith.data.lines import read_lines
from tunesmith.data.named_files import NamedFiles, tidy
from tunesmith.data.pulled import PulledFolder

SPLITS = ("train", "val", "test", "predict")
_PARTS = ("A", "B", "label")


@dataclass(frozen=True)
class ChangePair:
    """A place before (A) and after (B), under one file name. `label` is None where nobody marked changes."""

    name: str
    before: Path
    after: Path
    label: Path | None


class LevirData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder
        self.images = {part: self._images(part) for part in _PARTS}
        self._by_name = {part: NamedFiles(self._root(part), paths) for part, paths in self.images.items()}
        # Labels are PNG files whatever the images are: what counts is the name without its suffix.
        self._by_stem = {
            part: {tidy(path.stem): path for path in reversed(paths)} for part, paths in self.images.items()
        }

    @classmethod
    def open(cls, pulled: Path) -> "LevirData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def list_file(self, split: str) -> Path | None:
        """The file that names the images of a split; None if there is none."""
        folder = self._root("list")
        files = files_below(folder) if folder.is_dir() else ()
        return next((path for path in files if path.name.lower() == f"{split}.txt"), None)

    def names(self, split: str) -> list[str]:
        """The file names of a split, each once; none if it has no list.

        Raises:
            FileFlawError: the list is no text.
        """
        path = self.list_file(split)
        return list(dict.fromkeys(line.strip() for _, line in read_lines(path))) if path else []

    def find(self, part: str, name: str) -> Path | None:
        """The file of a part (A, B or label) for a name of a list."""
        stem = tidy(name).rsplit("/", 1)[-1].rsplit(".", 1)[0]
        return self._by_name[part].find(name) or self._by_stem[part].get(stem)

    def pairs(self, split: str) -> list[ChangePair]:
        """The places of a split, in the order of its list.

        Raises:
            DatasetError: the list is missing or empty, or names a place that A or B does not hold.
        """
        names = self.names(split)
        if not names:
            raise DatasetError(f"list.tar.gz has no {split}.txt that names an image; add it and pull again.")
        return [self._pair(name) for name in names]

    def _pair(self, name: str) -> ChangePair:
        before, after = self.find("A", name), self.find("B", name)
        if before is None or after is None:
            part = "A" if before is None else "B"
            raise FileFlawError(
                f"{part}.tar.gz", f"holds no {name[:80]!r}", "Add it, or take it off the list."
            )
        return ChangePair(name, before, after, self.find("label", name))

    def _root(self, part: str) -> Path:
        return self._folder.extracted / part

    def _images(self, part: str) -> list[Path]:
        folder = self._root(part)
        return [path for path in files_below(folder) if is_image(path)] if folder.is_dir() else []


def read_change(path: Path) -> NDArray[np.bool_]:
    """A label as height x width: true where something changed, which is any value but 0.

    Raises:
        FileFlawError: it is not an image, or has other values than 0 and 255, or 0 and 1.
    """
    try:
        mask = load(path)
    except DatasetError:
        raise FileFlawError(path.name, "cannot be read as an image", "Replace or remove it.") from None
    grey: NDArray[np.uint8] = mask[..., 0]
    values = {int(value) for value in np.unique(grey)}
    if not (values <= {0, 255} or values <= {0, 1}):
        fault = f"has the values {_some(values)}, not 0 and 255"
        raise FileFlawError(path.name, fault, "Write 0 where nothing changed and 255 where it did, as PNG.")
    if (mask != grey[..., None]).any():
        remedy = "Write it in grey: 0 where nothing changed and 255 where it did."
        raise FileFlawError(path.name, "has colours", remedy)
    return grey > 0


def _some(values: Iterable[int]) -> str:
    shown = sorted(values)
    return ", ".join(map(str, shown[:6])) + (" and more" if len(shown) > 6 else "")
