"""Values of a spec that is still plain data, by dotted path."""

from collections.abc import Mapping
from typing import Any


def with_values(spec: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the spec in which the values stand at their paths; sections that lack are made."""
    changed = dict(spec)
    for path, value in values.items():
        name, _, rest = path.partition(".")
        inner = changed.get(name)
        changed[name] = (
            with_values(inner if isinstance(inner, Mapping) else {}, {rest: value}) if rest else value
        )
    return changed


def value_at(spec: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value at a path; the default where there is none."""
    found: Any = spec
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return default
        found = found[name]
    return found


def with_defaults(spec: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the spec with the defaults at those paths that it leaves out."""
    return with_values(spec, {path: value for path, value in defaults.items() if _is_open(spec, path)})


def _is_open(spec: Mapping[str, Any], path: str) -> bool:
    """Whether nothing stands at the path, nor anything but a section on the way to it."""
    found: Any = spec
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return False
        if name not in found:
            return True
        found = found[name]
    return False
