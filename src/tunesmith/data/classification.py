"""Image classification datasets: what is inside, whether it is whole, and its samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tunesmith.data.classes import canonical, read_classes
from tunesmith.data.classmap import read_classmap
from tunesmith.data.errors import DatasetError
from tunesmith.data.image_tree import image_tree
from tunesmith.data.pulled import PulledFolder

Role = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Sample:
    """An image. `label` is the index of its class, None if it has none; `name` is its path in the archive."""

    path: Path
    label: int | None
    name: str


class ClassificationData:
    """A pulled dataset, for reading.

    Attributes:
        classes: their names, in the order of their indices; empty for formats without classes.
    """

    def __init__(self, folder: PulledFolder, classes: tuple[str, ...]) -> None:
        self._folder = folder
        self._indices = {name: index for index, name in enumerate(classes)}
        self.classes = classes

    @classmethod
    def open(cls, pulled: Path, *, by_folders: bool = False) -> "ClassificationData":
        """The dataset in the cache folder of a finished pull.

        If `by_folders`, one without a list of classes has those that its folders are named after.

        Raises:
            DatasetError: its class list is unusable.
        """
        folder = PulledFolder(pulled)
        listed, mapped = folder.files / "classes.txt", folder.files / "classmap.json"
        if mapped.exists():
            return cls(folder, read_classmap(mapped))
        if listed.exists():
            return cls(folder, read_classes(listed))
        data = cls(folder, ())
        return cls(folder, data._folder_names()) if by_folders else data

    def serves(self, role: Role) -> bool:
        """Whether an archive holds images for a role: its own, or the only one."""
        return self._archive(role) is not None

    def samples(self, role: Role, *, labelled: bool = True) -> list[Sample]:
        """The images for a role, sorted by name.

        They are those of images_<role>.tar.gz; or, if the dataset holds a single archive, of that one.
        Unless `labelled`, images to learn from may lie outside the class folders too.

        Raises:
            DatasetError: no archive serves the role, it is empty, or images to learn from or to measure
                with lie outside the class folders. Images to predict on may.
        """
        archive = self._archive(role)
        if archive is None:
            raise DatasetError(self._missing(role))
        tree = image_tree(archive, self.classes)
        samples = [
            Sample(path, self._label(folder), path.relative_to(tree.root).as_posix())
            for folder, paths in [*tree.by_folder.items(), ("", tree.loose)]
            for path in paths
        ]
        if not samples:
            raise DatasetError(f"{archive.name}.tar.gz holds no image; upload images and pull again.")
        if labelled and role != "test":
            self._require_labels(archive, samples)
        return sorted(samples, key=lambda sample: sample.name)

    def images(self, role: Role) -> list[Path]:
        """The images for a role, sorted, whether or not they lie in class folders: to learn without labels.

        Raises:
            DatasetError: no archive serves the role, or it is empty.
        """
        archive = self._archive(role)
        if archive is None:
            raise DatasetError(self._missing(role))
        if images := image_tree(archive).images():
            return images
        raise DatasetError(f"{archive.name}.tar.gz holds no image; upload images and pull again.")

    def _folder_names(self) -> tuple[str, ...]:
        """The folders of images, sorted; none where there is but one, or where images lie beside them.

        Images to predict on may lie anywhere.
        """
        learnt = [one for one in self._archives() if one.name != "images_test"]
        trees = [image_tree(archive) for archive in learnt or self._archives()]
        names = {canonical(name) for tree in trees for name, images in tree.by_folder.items() if images}
        loose = any(tree.loose for tree in trees)
        return () if loose or len(names) < 2 else tuple(sorted(names))

    def _label(self, folder: str) -> int | None:
        return self._indices.get(canonical(folder))

    def _archive(self, role: Role) -> Path | None:
        own = self._folder.extracted / f"images_{role}"
        if own.is_dir():
            return own
        there = self._archives()
        return there[0] if len(there) == 1 else None

    def _archives(self) -> list[Path]:
        return sorted(path for path in self._folder.extracted.glob("images_*") if path.is_dir())

    def _missing(self, role: Role) -> str:
        names = ", ".join(f"{path.name}.tar.gz" for path in self._archives()) or "no archive"
        return (
            f"images_{role}.tar.gz is missing: the dataset holds {names}. "
            f"Upload it, or attach a dataset that holds images for this use alone."
        )

    def _require_labels(self, archive: Path, samples: Sequence[Sample]) -> None:
        without = next((sample for sample in samples if sample.label is None), None)
        if without:
            raise DatasetError(
                f"{archive.name}.tar.gz: the image {without.name} is in no class folder; "
                "move it into the folder of its class, or use the dataset for testing only."
            )
