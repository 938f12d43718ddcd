"""How a key of a spec is declared: its default, its bounds, and what the search may do with it.

Every function returns a pydantic field. Common arguments:

- `doc`: what the key does, as users read it.
- `automl`: True when a search varies it by default, False when it may not, None when asked for.
- `popular`: shown first by user interfaces.
- `inert`: why the key is accepted but does nothing here; setting it is then reported to the user.
- `ours`: the key is an extension of tunesmith's, not of the published API.
- `math_cond`, `parent_param`, `depends_on`: hints of the published API for the search.
"""

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from pydantic import Field

from tunesmith.specs.block import UNSET_PATH, Block

LARGEST = 2**63 - 1
"""The API's integers have 64 bits."""


class Facts(TypedDict, total=False):
    """Arguments that every kind of key takes."""

    automl: bool | None
    popular: bool
    inert: str | None
    ours: bool
    math_cond: str | None
    parent_param: str | None
    depends_on: str | None


def _field(
    default: Any,
    doc: str,
    value_type: str | None,
    facts: Facts,
    extra: dict[str, Any] | None = None,
    **bounds: Any,
) -> Any:
    notes: dict[str, Any] = {"value_type": value_type} if value_type else {}
    notes |= extra or {}
    if facts.get("automl") is not None:
        notes["automl_enabled"] = facts["automl"]
    if facts.get("popular"):
        notes["popular"] = True
    if facts.get("inert"):
        notes["x-inert"] = facts["inert"]
    if facts.get("ours"):
        notes["x-tunesmith"] = True
    for name in ("math_cond", "parent_param", "depends_on"):
        if facts.get(name):
            notes[name] = facts.get(name)
    if isinstance(default, list | dict):
        return Field(default_factory=default.copy, description=doc, json_schema_extra=notes, **bounds)
    return Field(default, description=doc, json_schema_extra=notes, **bounds)


def integer(
    default: int | None, doc: str, *, ge: int | None = None, le: int = LARGEST, **facts: Unpack[Facts]
) -> Any:
    """A whole number."""
    return _field(default, doc, "int", facts, ge=ge, le=le)


def number(
    default: float | None,
    doc: str,
    *,
    ge: float | None = None,
    le: float | None = None,
    **facts: Unpack[Facts],
) -> Any:
    """A real number."""
    return _field(default, doc, "float", facts, ge=ge, le=le)


def flag(default: bool, doc: str, **facts: Unpack[Facts]) -> Any:
    """True or false."""
    return _field(default, doc, "bool", facts)


def text(default: str | None, doc: str, **facts: Unpack[Facts]) -> Any:
    """A string."""
    return _field(default, doc, None, facts)


def filled_in(doc: str, **facts: Unpack[Facts]) -> Any:
    """A path that the service fills in from the parent job or the datasets, unless it is set."""
    return _field(UNSET_PATH, doc, None, facts)


def choice(default: str | int | None, choices: Sequence[str | int], doc: str, **facts: Unpack[Facts]) -> Any:
    """One of several: names, or whole numbers in order."""
    kind = "ordered_int" if isinstance(default, int) else "categorical"
    return _field(default, doc, kind, facts, {"enum": list(choices)})


def array(default: list[Any] | str | None, doc: str, *, kind: str = "list", **facts: Unpack[Facts]) -> Any:
    """A list; the type of its items is the annotation's."""
    return _field(default, doc, kind, facts)


def table(default: dict[str, Any] | None, doc: str, **facts: Unpack[Facts]) -> Any:
    """Free keys and values."""
    return _field(default, doc, "collection", facts)


def section(block: type[Block]) -> Any:
    """A section of keys, with its own defaults."""
    return Field(default_factory=block)
