"""Reads class maps: a JSON object that gives each class its index."""

from pathlib import Path
from typing import Any

from tunesmith.data.classes import canonical
from tunesmith.data.errors import FileFlawError
from tunesmith.data.named_files import is_plain
from tunesmith.data.text_files import TEXT_LIMIT, read_json

_REMEDY = 'Write it as {"name": 0, "other name": 1, ...}, with each index from 0 on once.'


def read_classmap(path: Path) -> tuple[str, ...]:
    """The classes of a file, in the order of their indices.

    Raises:
        FileFlawError: it is no JSON object of names and indices, or the indices are not 0, 1, 2 and so on.
    """
    found = read_json(path, TEXT_LIMIT)
    if not isinstance(found, dict) or not found:
        raise FileFlawError(path.name, "is not a JSON object of classes", _REMEDY)
    indices: dict[str, int] = {}
    for written, index in found.items():
        name = canonical(written.strip())
        if not is_plain(name):
            raise FileFlawError(path.name, f"has the class {written[:40]!r}", "Give it a printable name.")
        if not _is_index(index, len(found)):
            fault = f"gives the class {name[:40]!r} no index from 0 to {len(found) - 1}"
            raise FileFlawError(path.name, fault, _REMEDY)
        if name in indices:
            raise FileFlawError(path.name, f"names the class {name[:40]!r} twice", _REMEDY)
        indices[name] = index
    if len(set(indices.values())) < len(indices):
        raise FileFlawError(path.name, "gives two classes the same index", _REMEDY)
    return tuple(sorted(indices, key=indices.__getitem__))


def _is_index(value: Any, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count
