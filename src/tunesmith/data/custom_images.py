"""Image classification datasets of the format custom: images, and a list that labels some of them."""

from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.classes import canonical
from tunesmith.data.errors import FileFlawError
from tunesmith.data.image_tree import ImageTree, image_tree
from tunesmith.data.lines import Row, read_table
from tunesmith.data.named_files import NamedFiles, is_plain
from tunesmith.data.pulled import PulledFolder

LIST = "val.csv"
_ARCHIVES = ("images_val", "images_test", "images_train")


@dataclass(frozen=True)
class Labelled:
    """An image and the name of its class."""

    path: Path
    label: str


class CustomImages:
    """A pulled dataset, for reading.

    Attributes:
        trees: its archives. Where two hold an image of the same name, that of the first one counts.
    """

    def __init__(self, folder: PulledFolder) -> None:
        self._list = folder.files / LIST
        folders = [folder.extracted / name for name in _ARCHIVES]
        self.trees: tuple[ImageTree, ...] = tuple(image_tree(path) for path in folders if path.is_dir())
        self._named = [NamedFiles(tree.folder, tree.images()) for tree in self.trees]

    @classmethod
    def open(cls, pulled: Path) -> "CustomImages":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    def rows(self) -> list[Row]:
        """The lines of val.csv: `path` and `label`; a first line with these words is left out.

        Raises:
            FileFlawError: the list is no text.
        """
        return list(read_table(self._list, ("path", "label"), header=False))

    def labelled(self) -> list[Labelled]:
        """The images of the list, in its order.

        Raises:
            FileFlawError: the list names an image that is not there, or gives it no label.
        """
        return [self.resolve(row) for row in self.rows()]

    def resolve(self, row: Row) -> Labelled:
        """The image of one line. Raises as `labelled`."""
        name, label = row.values["path"], canonical(row.values["label"])
        path = next((path for named in self._named if (path := named.find(name))), None)
        if path is None:
            fault = f"names the image {name[:80]!r} in line {row.number}, which no archive holds"
            raise FileFlawError(LIST, fault, "Add the image, or remove the line.")
        if not is_plain(label):
            fault = f"has no label of printable text in line {row.number}"
            raise FileFlawError(LIST, fault, "Write path,label on each line.")
        return Labelled(path, label)
