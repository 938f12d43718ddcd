"""Reads text line by line, however long it is, and tables of comma-separated values."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.errors import FileFlawError

LINE_LIMIT = 10_000


@dataclass(frozen=True)
class Row:
    """A row of a table: its line, and the value of each column, stripped; empty where it has none."""

    number: int
    values: dict[str, str]


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text that are not blank, each with its number and without its end.

    Raises:
        FileFlawError: the file is missing or not UTF-8, or a line is longer than 10,000 characters.
    """
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            while line := file.readline(LINE_LIMIT + 1):
                number += 1
                if len(line) > LINE_LIMIT:
                    fault = f"has more than {LINE_LIMIT} characters in line {number}"
                    raise FileFlawError(path.name, fault, "Break the text into lines.")
                if line.strip():
                    yield number, line.rstrip("\n")
    except UnicodeDecodeError:
        fault = f"is not UTF-8 text (after line {number})"
        raise FileFlawError(path.name, fault, "Save it as UTF-8 text.") from None
    except (FileNotFoundError, IsADirectoryError):
        raise FileFlawError(path.name, "is no file", "Add it to the dataset.") from None


def read_table(path: Path, columns: Sequence[str], *, header: bool = True) -> Iterator[Row]:
    """The rows of a table with a row a line.

    The first line names the columns, in any order and case, among others perhaps. If `header` is false, it
    may be missing: then the columns are in the order given.

    Raises:
        FileFlawError: as `read_lines`, or a column is missing from the header.
    """
    places: dict[str, int] | None = None
    for number, line in read_lines(path):
        cells = _cells(line)
        if places is None:
            names = {cell.lower(): place for place, cell in reversed(list(enumerate(cells)))}
            is_header = all(name in names for name in columns)
            if header and not is_header:
                missing = ", ".join(name for name in columns if name not in names)
                fault = f"does not name the column {missing} in its first line"
                raise FileFlawError(path.name, fault, f"Name the columns there: {','.join(columns)}.")
            places = {name: names[name] if is_header else place for place, name in enumerate(columns)}
            if is_header:
                continue
        yield Row(number, {name: _cell(cells, place) for name, place in places.items()})


def _cells(line: str) -> list[str]:
    # Each line is read on its own: a stray quote must not swallow the lines that follow.
    return [cell.strip() for row in csv.reader([line]) for cell in row]


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""
