"""Finds the images that annotations name in what was an archive of images."""

from collections.abc import Iterable
from pathlib import Path

from tunesmith.data.errors import DatasetError
from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.images import upright_size
from tunesmith.data.named_files import NamedFiles, tidy


class ImageFiles:
    """The images below a folder, which may be absent. `paths` are sorted, `others` are no images."""

    def __init__(self, folder: Path) -> None:
        files = list(files_below(folder)) if folder.is_dir() else []
        self.paths = [path for path in files if is_image(path)]
        self.others = [path for path in files if not is_image(path)]
        self._named = NamedFiles(folder, self.paths)

    def find(self, name: str) -> Path | None:
        """The image that an annotation means; None if there is none, or several.

        Leading folders that the archive does not have are passed over, such as those of the machine on which
        the annotation was written.
        """
        parts = tidy(name).split("/")
        found = (self._named.find("/".join(parts[start:])) for start in range(len(parts)))
        return next((path for path in found if path), None)

    def unused(self, used: Iterable[Path]) -> list[Path]:
        """The images that are not among those used."""
        taken = set(used)
        return [path for path in self.paths if path not in taken]


def size_of(path: Path) -> tuple[int, int] | None:
    """Width and height of an image as training sees it; None if it cannot be opened: decoding it says why."""
    try:
        return upright_size(path)
    except DatasetError:
        return None
