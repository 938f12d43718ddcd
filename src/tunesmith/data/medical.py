"""Lists of medical volumes: the manifest of an object store, or MONAI's list of data (the Decathlon's)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.data.errors import FileFlawError
from tunesmith.data.text_files import read_json

MANIFEST, DATALIST = "manifest.json", "dataset.json"

_GROUPS = ("training", "validation", "testing", "test")
_REMEDY = (
    'Write {"data": [{"image": {"id": ID, "path": [FILE]}, "label": {...}}]} into manifest.json, or '
    '{"training": [{"image": FILE, "label": FILE}], "testing": [FILE]} into dataset.json.'
)


@dataclass(frozen=True)
class Study:
    """One subject of a list: its images and labels by their paths in the dataset; labels may be missing."""

    group: str
    images: tuple[str, ...]
    labels: tuple[str, ...]


def read_studies(path: Path) -> list[Study]:
    """The studies of a list, whichever of the two kinds it is.

    Raises:
        FileFlawError: it is no JSON, or of neither kind, or names no image.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise FileFlawError(path.name, "is no list of studies", _REMEDY)
    studies = [_study(path, group, entry) for group, entry in _entries(value)]
    if not studies:
        raise FileFlawError(path.name, "names no image", _REMEDY)
    return studies


def _entries(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value.get("data"), list):
        yield from (("data", entry) for entry in value["data"])
    for group in _GROUPS:
        entries = value.get(group)
        yield from ((group, entry) for entry in (entries if isinstance(entries, list) else ()))


def _study(path: Path, group: str, entry: Any) -> Study:
    fields = entry if isinstance(entry, dict) else {"image": entry}
    images, labels = _paths(fields.get("image")), _paths(fields.get("label"))
    if not images or labels is None:
        raise FileFlawError(path.name, f"has an entry of {group} without an image", _REMEDY)
    return Study(group, images, labels)


def _paths(value: Any) -> tuple[str, ...] | None:
    """The paths that an entry names: one, several, or those of a manifest; None for anything else.

    A label may also be a class: a number names no file.
    """
    if isinstance(value, dict):
        value = value.get("path")
    if value is None or isinstance(value, int | float):
        return ()
    paths = value if isinstance(value, list) else [value]
    return tuple(paths) if all(isinstance(one, str) and one for one in paths) else None
