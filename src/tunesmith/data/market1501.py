"""Re-identification datasets: photographs of persons, named as Market-1501 names them."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.pulled import PulledFolder

Split = Literal["train", "test", "query"]
SPLITS: tuple[Split, ...] = ("train", "test", "query")
JUNK = -1
DISTRACTOR = 0
_NAME = re.compile(r"(-1|[0-9]{1,9})_c([0-9]{1,4})(?![0-9])")


@dataclass(frozen=True)
class PersonImage:
    """A photograph of a person. `person` 0 stands for anybody who is in no query; `camera` took it."""

    path: Path
    person: int
    camera: int


@dataclass(frozen=True)
class SplitImages:
    """What an archive holds.

    Attributes:
        images: those of persons, sorted by path; in the training split without distractors.
        junk: images that are not to be judged: bad boxes (-1), and distractors to learn from.
        unnamed: images whose names tell no person and camera.
    """

    images: list[PersonImage] = field(default_factory=list)
    junk: list[Path] = field(default_factory=list)
    unnamed: list[Path] = field(default_factory=list)

    def persons(self) -> set[int]:
        """The persons that can be told apart."""
        return {image.person for image in self.images if image.person != DISTRACTOR}


class Market1501Data:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, pulled: Path) -> "Market1501Data":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def split(self, split: Split) -> SplitImages:
        """The photographs to learn from (train), to search in (test) and to search for (query)."""
        found = SplitImages()
        folder = self._folder.extracted / f"sample_{split}"
        for path in filter(is_image, files_below(folder) if folder.is_dir() else ()):
            name = _NAME.match(path.name)
            if not name:
                found.unnamed.append(path)
                continue
            person, camera = int(name[1]), int(name[2])
            if person == JUNK or (person == DISTRACTOR and split != "test"):
                found.junk.append(path)
            else:
                found.images.append(PersonImage(path, person, camera))
        return found


def has_match(query: PersonImage, seen: dict[int, set[int]]) -> bool:
    """Whether the gallery shows the person from another camera; `seen` are its cameras by person."""
    return bool(seen.get(query.person, set()) - {query.camera})


def cameras_by_person(images: list[PersonImage]) -> dict[int, set[int]]:
    """The cameras that saw each person."""
    seen: dict[int, set[int]] = {}
    for image in images:
        seen.setdefault(image.person, set()).add(image.camera)
    return seen
