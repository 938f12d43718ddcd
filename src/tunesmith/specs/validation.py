"""Checks a client's spec against its model and says everything that is wrong with it at once."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tunesmith.specs.block import Block, key_facts, other_choices

SpecT = TypeVar("SpecT", bound=Block)

_TYPE_NAMES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object (a section of keys)",
    "model_attributes_type": "an object (a section of keys)",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("above", "gt"),
    "less_than": ("below", "lt"),
}


@dataclass(frozen=True)
class SpecProblem:
    """One thing wrong: the key's dotted path, the rule, the value given, the nearest valid key or value."""

    path: str
    rule: str
    value: Any
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f" Did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.path}: {self.rule}, got {_shown(self.value)}.{hint}"


class SpecError(ValueError):
    """A spec that its network cannot take. `problems` lists everything wrong with it."""

    def __init__(self, problems: list[SpecProblem]) -> None:
        self.problems = problems
        super().__init__(" ".join(str(problem) for problem in problems))


def validate_spec(spec: type[SpecT], data: Any) -> SpecT:
    """The typed spec. Keys left out take their defaults.

    Raises:
        SpecError: with every unknown key, wrong type, value out of bounds and bad choice.
    """
    try:
        return spec.model_validate(data)
    except ValidationError as error:
        raise SpecError(list(_problems(spec, error.errors(include_url=False)))) from None


def changed_inert_keys(spec: Block) -> Iterator[tuple[str, str]]:
    """The keys set away from their default that do nothing here, each with the reason."""
    untouched = type(spec)()
    for path, field in spec.leaves():
        reason = key_facts(field).get("x-inert")
        if reason and spec.value(path) != untouched.value(path):
            yield path, reason


def _problems(spec: type[Block], errors: list[ErrorDetails]) -> Iterator[SpecProblem]:
    fields = dict(spec.leaves())
    seen: set[str] = set()
    for error in errors:
        path = ".".join(str(part) for part in error["loc"]) or "specs"
        key = next((known for known in fields if path == known or path.startswith(f"{known}.")), path)
        # A key that takes several types reports each of them: the first says enough.
        if key in seen and key == path.rsplit(".", maxsplit=1)[0]:
            continue
        seen.add(key)
        context = error.get("ctx", {})
        match error["type"]:
            case "extra_forbidden":
                yield SpecProblem(path, "is not a key of this network", error["input"], _nearest(path, spec))
            case "choice":
                yield _bad_choice(path, error["input"], context["choices"], fields[key])
            case kind if kind in _BOUNDS:
                words, name = _BOUNDS[kind]
                yield SpecProblem(path, f"must be {words} {context[name]}", error["input"])
            case kind:
                expected = _TYPE_NAMES.get(kind, error["msg"])
                yield SpecProblem(path, f"must be {expected}", error["input"])


def _bad_choice(path: str, value: Any, choices: list[Any], field: Any) -> SpecProblem:
    others = other_choices(field)
    names = [str(choice) for choice in choices]
    known = [*names, *(others.names() if others else ())]
    near = difflib.get_close_matches(str(value), known, n=1)
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 or others else "")
    return SpecProblem(path, f"must be one of {listed}", value, near[0] if near else None)


def _nearest(path: str, spec: type[Block]) -> str | None:
    """The known key or section that looks most like the path, misplaced keys included."""
    known = {path for path, _ in spec.leaves()}
    known |= {key.rsplit(".", depth)[0] for key in known for depth in range(1, key.count(".") + 1)}
    close = difflib.get_close_matches(path, known, n=1, cutoff=0.6)
    if close:
        return close[0]
    last = path.rsplit(".", maxsplit=1)[-1]
    same_name = [key for key in sorted(known) if key.rsplit(".", maxsplit=1)[-1] == last]
    return same_name[0] if same_name else None


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
