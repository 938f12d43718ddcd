"""Action recognition datasets: videos as folders of frames, in colour and as optical flow."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tunesmith.data.classes import canonical
from tunesmith.data.errors import DatasetError
from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.pulled import PulledFolder

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
Modality = Literal["rgb", "u", "v"]
MODALITIES: tuple[Modality, ...] = ("rgb", "u", "v")
COLOURS: tuple[Modality, ...] = ("rgb",)
FLOW: tuple[Modality, ...] = ("u", "v")
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Video:
    """A video of an action. `frames` are in order, for each modality that it has."""

    folder: Path
    action: str
    frames: dict[Modality, list[Path]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its action and the name of its folder."""
        return f"{self.action}/{self.folder.name}"

    def has(self, modalities: Collection[Modality]) -> bool:
        """Whether it has frames of each of these modalities."""
        return all(self.frames.get(modality) for modality in modalities)

    def length(self, modalities: Collection[Modality]) -> int:
        """How many frames it has of each: those of the longer modalities that follow are of no use."""
        return min(len(self.frames.get(modality, ())) for modality in modalities)


@dataclass(frozen=True)
class Videos:
    """What an archive holds, sorted.

    Attributes:
        misplaced: images that lie in no folder rgb, u or v of a video of an action.
    """

    videos: list[Video] = field(default_factory=list)
    misplaced: list[Path] = field(default_factory=list)

    def actions(self) -> list[str]:
        """The actions, sorted."""
        return sorted({video.action for video in self.videos})


class FrameData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, pulled: Path) -> "FrameData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def videos(self, split: Split) -> Videos:
        """All videos of a split, in `<action>/<video>/<modality>/` below any other folders."""
        root = self._folder.extracted / split
        found: dict[Path, Video] = {}
        misplaced: list[Path] = []
        for path in filter(is_image, files_below(root) if root.is_dir() else ()):
            modality = _modality(path.parent.name)
            folder = path.parent.parent
            if modality is None or len(folder.relative_to(root.parent).parts) < _DEPTH:
                misplaced.append(path)
                continue
            video = found.setdefault(folder, Video(folder, canonical(folder.parent.name)))
            video.frames.setdefault(modality, []).append(path)
        for video in found.values():
            for frames in video.frames.values():
                frames.sort(key=_in_order)
        return Videos([found[folder] for folder in sorted(found)], misplaced)

    def usable(self, split: Split, modalities: Collection[Modality]) -> list[Video]:
        """The videos of a split that have all these modalities.

        Raises:
            DatasetError: there is none.
        """
        found = [video for video in self.videos(split).videos if video.has(modalities)]
        if not found:
            wanted = ", ".join(modalities)
            raise DatasetError(f"{split}.tar.gz holds no video with frames in folders named {wanted}.")
        return found


_DEPTH = 3  # the split, an action, a video


def _modality(name: str) -> Modality | None:
    return next((modality for modality in MODALITIES if name.lower() == modality), None)


def _in_order(path: Path) -> tuple[list[str | int], str]:
    """Frames 9 and 10 in this order, however many zeros their names begin with."""
    pieces = _DIGITS.split(path.stem)
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)], path.name
