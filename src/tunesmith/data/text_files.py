"""Reads text and JSON that strangers wrote: whatever is wrong with a file is said as one flaw."""

import json
from pathlib import Path
from typing import Any

from tunesmith.data.errors import FileFlawError

TEXT_LIMIT = 16 << 20
JSON_LIMIT = 1 << 30


def read_text(path: Path, limit: int = TEXT_LIMIT) -> str:
    """A UTF-8 text, with or without a byte order mark.

    Raises:
        FileFlawError: it is missing, larger than `limit` bytes or not UTF-8.
    """
    try:
        size = path.stat().st_size
        if size > limit:
            raise FileFlawError(path.name, f"has {size >> 20} MB of text", f"Keep it below {limit >> 20} MB.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        fault = f"is not UTF-8 text (byte {error.start})"
        raise FileFlawError(path.name, fault, "Save it as UTF-8 text.") from None
    except (FileNotFoundError, IsADirectoryError):
        raise FileFlawError(path.name, "is no file", "Add it to the dataset.") from None


def printable(text: str, limit: int = 100) -> str:
    """A name that a stranger gave, as it can be shown and stored: no database takes every character."""
    return "".join(one if one.isprintable() else "?" for one in text[:limit])


def read_json(path: Path, limit: int = JSON_LIMIT) -> Any:
    """What a JSON file holds.

    Raises:
        FileFlawError: as `read_text`, or it is not JSON.
    """
    return parse_json(read_text(path, limit), path.name)


def parse_json(text: str, name: str) -> Any:
    """What a JSON text holds; `name` is the file that it is from.

    Raises:
        FileFlawError: it is not JSON, or nested too deep, or holds an absurdly long number.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        fault = f"is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except ValueError:
        fault = "holds a number with too many digits"
    except RecursionError:
        fault = "is nested too deep"
    raise FileFlawError(name, fault, "Write it as JSON.")
