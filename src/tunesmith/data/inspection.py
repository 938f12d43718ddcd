"""Inspection datasets: a table of parts, each photographed under several lights beside a good one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tunesmith.data.classes import canonical
from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.image_tree import files_below, is_image
from tunesmith.data.lines import Row, read_table
from tunesmith.data.named_files import is_plain, tidy
from tunesmith.data.pulled import PulledFolder

TABLE = "dataset.csv"
COLUMNS = ("input_path", "golden_path", "label", "object_name")
PASS = "PASS"  # noqa: S105 - what the format calls a part without a defect

Shots = dict[str, Path]
"""The photographs of a part by light; a photograph without one has the light ""."""


@dataclass(frozen=True)
class InspectedPart:
    """A part, and a good one of its kind. Both have a photograph for each light of the dataset.

    Attributes:
        label: PASS, or the name of the defect; empty where nobody has looked.
    """

    name: str
    shots: Shots
    golden: Shots
    label: str

    @property
    def defective(self) -> bool:
        """Whether it has a defect."""
        return self.label != PASS


class _Photographs:
    """Photographs by folder and part. They are named `<folder>/<part>_<light>.<suffix>`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_folder: dict[str, dict[str, Shots]] = {}
        self._ends: dict[str, str | None] = {}
        self.count = 0
        for path in filter(is_image, files_below(root) if root.is_dir() else ()):
            self._add(path)
        for folder in self._by_folder:
            parts = folder.split("/")
            for start in range(1, len(parts)):
                end = "/".join(parts[start:])
                self._ends[end] = None if end in self._ends else folder

    def _add(self, path: Path) -> None:
        folder = tidy(path.relative_to(self._root).parent.as_posix())
        parts = self._by_folder.setdefault(folder, {})
        stem = canonical(path.stem)
        parts.setdefault(stem, {}).setdefault("", path)
        part, _, light = stem.rpartition("_")
        if part and light:
            parts.setdefault(part, {}).setdefault(light, path)
        self.count += 1

    def of(self, folder: str, part: str) -> Shots:
        """The photographs of a part in the folder that a row names: a path in the archive, or its end."""
        wanted = tidy(folder)
        for form in (wanted, wanted.removeprefix(f"{self._root.name}/")):
            whole = form if form in self._by_folder else self._ends.get(form)
            if whole is not None:
                return self._by_folder[whole].get(canonical(part), {})
        return {}


class InspectionData:
    """A pulled dataset, for reading."""

    def __init__(self, folder: PulledFolder) -> None:
        self._table = folder.files / TABLE
        self._photographs = _Photographs(folder.extracted / "images")

    @classmethod
    def open(cls, pulled: Path) -> "InspectionData":
        """The dataset in the cache folder of a finished pull."""
        return cls(PulledFolder(pulled))

    @property
    def images(self) -> int:
        """How many photographs the archive holds."""
        return self._photographs.count

    @cached_property
    def rows(self) -> list[Row]:
        """The lines of the table.

        Raises:
            FileFlawError: it is no text, or lacks a column.
        """
        return list(read_table(self._table, COLUMNS))

    @cached_property
    def lights(self) -> tuple[str, ...]:
        """The lights that more than half of the photographed parts have, sorted; ("",) if there are none.

        Raises:
            FileFlawError: as `rows`.
        """
        found = [shots for row in self.rows if (shots := self._shots(row, "input_path"))]
        seen = Counter(light for shots in found for light in shots if light)
        common = tuple(sorted(light for light, count in seen.items() if 2 * count > len(found)))
        return common or ("",)

    def parts(self) -> list[InspectedPart]:
        """The parts of the table, in its order.

        Raises:
            DatasetError: there is none, a photograph is missing, or a label is no printable text.
        """
        if not self.rows:
            raise DatasetError(f"{TABLE} names no part; add a line for each.")
        return [self.resolve(row) for row in self.rows]

    def resolve(self, row: Row) -> InspectedPart:
        """The part of one line.

        Raises:
            FileFlawError: a photograph is missing, or the label or the name is no printable text.
        """
        name, label = row.values["object_name"], canonical(row.values["label"])
        if not is_plain(name):
            fault = f"has no object_name of printable text in line {row.number}"
            raise FileFlawError(TABLE, fault, f"Write the columns {','.join(COLUMNS)}.")
        if label and not is_plain(label):
            fault = f"has a label that is no printable text in line {row.number}"
            raise FileFlawError(TABLE, fault, f"Write {PASS}, or the name of the defect.")
        shots, golden = self._lit(row, "input_path"), self._lit(row, "golden_path")
        return InspectedPart(name, shots, golden, PASS if label.upper() == PASS else label)

    def _shots(self, row: Row, column: str) -> Shots:
        return self._photographs.of(row.values[column], row.values["object_name"])

    def _lit(self, row: Row, column: str) -> Shots:
        shots, name = self._shots(row, column), row.values["object_name"]
        for light in self.lights:
            if light not in shots:
                path = f"{tidy(row.values[column])[:60]}/{name[:60]}{'_' if light else ''}{light}"
                fault = f"names {path!r} as {column} in line {row.number}, which images.tar.gz does not hold"
                raise FileFlawError(TABLE, fault, "Add the image as .jpg, or remove the line.")
        return {light: shots[light] for light in self.lights}


def photographs(parts: Iterable[InspectedPart]) -> list[Path]:
    """All photographs of parts, each once, sorted."""
    return sorted({path for part in parts for shots in (part.shots, part.golden) for path in shots.values()})
