"""Specs from files and from --set KEY=VALUE."""

import json
import sys
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from tunesmith.client.errors import ConfigError


def read_object(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in a file, or on stdin for the path `-`.

    Raises:
        ConfigError: it cannot be read, or is no JSON object.
    """
    try:
        value = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{path} holds no JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path} must hold {what} as a JSON object.")
    return value


def with_edits(spec: dict[str, Any], edits: Sequence[str]) -> dict[str, Any]:
    """A copy of the spec with each `dotted.key=value` put in. A value is JSON, or else plain text.

    Sections that are missing are made; whether a key exists is for the server to say, which knows the
    nearest one.

    Raises:
        ConfigError: an edit has no `=`, or goes through something that is no section.
    """
    edited = deepcopy(spec)
    for edit in edits:
        key, equals, text = edit.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {edit} has no value.", "Write it as --set train.num_epochs=10.")
        _put(edited, key, _value(text))
    return edited


def _put(spec: dict[str, Any], key: str, value: Any) -> None:
    *sections, leaf = key.split(".")
    place = spec
    for name in sections:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise ConfigError(f"--set {key}: {name} is a value, not a section of keys.")
    place[leaf] = value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
