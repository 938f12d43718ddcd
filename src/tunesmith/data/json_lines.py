"""Reads JSON Lines: a JSON value a line, however many lines there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.data.errors import FileFlawError
from tunesmith.data.text_files import parse_json

_LONGEST = 64 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank: its number, counted from 1, and its first byte in the file."""

    number: int
    start: int
    data: bytes


def read_json_lines(path: Path) -> Iterator[Line]:
    """The lines of a file, not parsed yet.

    Raises:
        FileFlawError: the file is missing, or a line is longer than 64 MB.
    """
    number = start = 0
    try:
        with path.open("rb") as file:
            while data := file.readline(_LONGEST + 1):
                number += 1
                if len(data) > _LONGEST:
                    fault = f"has more than {_LONGEST >> 20} MB in line {number}"
                    raise FileFlawError(path.name, fault, "Write an image a line.")
                if data.strip(b" \t\r\n\xef\xbb\xbf" if number == 1 else None):
                    yield Line(number, start, data)
                start += len(data)
    except (FileNotFoundError, IsADirectoryError):
        raise FileFlawError(path.name, "is no file", "Add it to the dataset.") from None


def parse_line(line: Line, name: str) -> Any:
    """What a line holds; `name` is the file that it is from.

    Raises:
        FileFlawError: it is no UTF-8 text or no JSON.
    """
    try:
        text = line.data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8")
    except UnicodeDecodeError:
        fault = f"is not UTF-8 text in line {line.number}"
        raise FileFlawError(name, fault, "Save it as UTF-8 text.") from None
    try:
        return parse_json(text, name)
    except FileFlawError as flaw:
        raise FileFlawError(name, f"{flaw.fault} (line {line.number} of the file)", flaw.remedy) from None
