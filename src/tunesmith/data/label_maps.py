"""Reads label maps: JSON files that give the classes of a segmentation their ids, names and colours."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.data.classes import canonical
from tunesmith.data.errors import FileFlawError
from tunesmith.data.named_files import is_plain
from tunesmith.data.text_files import TEXT_LIMIT, read_json

Colour = tuple[int, int, int]
_LARGEST_ID = 1 << 31
_REMEDY = 'Write [{"id": 1, "name": "cat", "isthing": 1, "color": [255, 0, 0]}, ...], or {"1": "cat", ...}.'


@dataclass(frozen=True, slots=True)
class LabelEntry:
    """A class. `is_thing`: whether single objects of it are told apart. `colour`: to draw it with, RGB."""

    id: int
    name: str
    is_thing: bool = True
    colour: Colour | None = None


def read_label_map(path: Path) -> tuple[LabelEntry, ...]:
    """The classes of a file, sorted by id: a list of objects, or an object of names by id or ids by name.

    Raises:
        FileFlawError: it is no such JSON; or an id or a name is missing, malformed or given twice.
    """
    value = read_json(path, TEXT_LIMIT)
    if isinstance(value, dict):
        value = [_turned(key, one) for key, one in value.items()]
    if not isinstance(value, list) or not value:
        raise FileFlawError(path.name, "is no list of classes", _REMEDY)
    entries = [_entry(path, place, one) for place, one in enumerate(value)]
    for kind in ("id", "name"):
        ((most, count),) = Counter(getattr(entry, kind) for entry in entries).most_common(1)
        if count > 1:
            fault = f"gives the {kind} {most!r} to {count} classes"
            raise FileFlawError(path.name, fault, f"Give each class a {kind} of its own.")
    return tuple(sorted(entries, key=lambda entry: entry.id))


def _turned(key: str, value: Any) -> dict[str, Any]:
    """An entry of an object, which is a name by its id, or an id by its name."""
    if isinstance(value, str) and key.isdecimal() and len(key) < 12:
        return {"id": int(key), "name": value}
    return {"id": value, "name": key}


def _entry(path: Path, place: int, value: Any) -> LabelEntry:
    fields = value if isinstance(value, dict) else {}
    label, name, colour = fields.get("id"), fields.get("name"), fields.get("color")
    thing = fields.get("isthing", 1)
    if type(label) is not int or not 0 <= label < _LARGEST_ID:
        fault = "has no id that is 0 or a positive whole number"
    elif not isinstance(name, str) or not is_plain(canonical(name.strip())):
        fault = "has no printable name"
    elif thing not in (0, 1):
        fault = "has an isthing that is neither 0 nor 1"
    elif colour is not None and not _is_colour(colour):
        fault = "has a color that is no list of three numbers from 0 to 255"
    else:
        return LabelEntry(label, canonical(name.strip()), bool(thing), tuple(colour) if colour else None)
    raise FileFlawError(path.name, f"has entry {place}, which {fault}", _REMEDY)


def _is_colour(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(type(one) is int and 0 <= one < 256 for one in value)
    )
