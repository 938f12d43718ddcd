"""ODVG datasets: a JSON line an image, with boxes of classes (detection) or of phrases (grounding)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Findings
from tunesmith.data.image_files import ImageFiles
from tunesmith.data.json_lines import Line, parse_line, read_json_lines
from tunesmith.data.label_maps import read_label_map
from tunesmith.data.odvg_reading import OdvgImage, OdvgReader
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.text_files import TEXT_LIMIT, read_json

ANNOTATIONS, LABEL_MAP, IMAGES = "annotations_odvg.jsonl", "annotations_odvg_labelmap.json", "images.tar.gz"


@dataclass(frozen=True)
class OdvgSample:
    """An image of a dataset, and its file."""

    path: Path
    image: OdvgImage


class OdvgData:
    """A pulled dataset, for reading. Of its lines only their places are kept: each is parsed when asked for.

    Attributes:
        labels: the names of the classes by their ids; empty where all lines are grounded.
    """

    def __init__(self, folder: PulledFolder, masks: bool) -> None:
        self._path = folder.files / ANNOTATIONS
        self._files = ImageFiles(folder.extracted / "images")
        self._masks = masks
        self.labels = read_labels(folder.files / LABEL_MAP)
        starts = [(line.number, line.start, len(line.data)) for line in read_json_lines(self._path)]
        self._lines = np.array(starts, np.int64).reshape(-1, 3)

    @classmethod
    def open(cls, pulled: Path, *, masks: bool = False) -> "OdvgData":
        """The dataset in the cache folder of a finished pull. If `masks`, objects without one are left out.

        Raises:
            FileFlawError: the label map or the file of annotations is unusable as a whole.
        """
        return cls(PulledFolder(pulled), masks)

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> OdvgSample:
        """An image. Processes may ask at the same time.

        Raises:
            DatasetError: its line is flawed.
            FileFlawError: its file is missing.
        """
        number, start, length = (int(one) for one in self._lines[index])
        with self._path.open("rb") as file:
            file.seek(start)
            line = Line(number, start, file.read(length))
        findings = Findings()
        reader = OdvgReader(ANNOTATIONS, self.labels, findings, self._masks)
        image = reader.image(number, parse_line(line, ANNOTATIONS))
        findings.raise_errors()
        path = self._files.find(image.name) if image else None
        if image is None or path is None:
            raise FileFlawError(IMAGES, f"holds no image of line {number}", "Add it, or remove the line.")
        return OdvgSample(path, image)


def read_labels(path: Path) -> Mapping[int, str]:
    """The names of the classes by their ids; none of an empty object, as where all lines are grounded.

    Raises:
        FileFlawError: it is no label map.
    """
    if read_json(path, TEXT_LIMIT) == {}:
        return {}
    return {entry.id: entry.name for entry in read_label_map(path)}
