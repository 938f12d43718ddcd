"""A spec as clients see it: JSON Schema 2020-12 with the default spec and the search's keys beside it."""

import inspect
from typing import Any

from tunesmith.specs.actions import Action
from tunesmith.specs.block import Block, key_facts, other_choices


def default_spec(spec: type[Block], action: Action) -> dict[str, Any]:
    """The nested default of one action: what a client edits and posts back."""
    shown = _shown_sections(spec, action)
    whole = spec().model_dump(mode="json")
    return {name: value for name, value in whole.items() if name in shown}


def action_schema(spec: type[Block], action: Action, default: dict[str, Any] | None = None) -> dict[str, Any]:
    """The schema of one action. `default` replaces the spec's own (a job shows what it was given)."""
    shown = _shown_sections(spec, action)
    facts = {
        path: key_facts(field) for path, field in spec.leaves() if path.split(".", maxsplit=1)[0] in shown
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: schema for name, schema in _properties(spec).items() if name in shown},
        "default": default if default is not None else default_spec(spec, action),
        "popular": [path for path, fact in facts.items() if fact.get("popular")],
        "automl_default_parameters": [path for path, fact in facts.items() if fact.get("automl_enabled")],
        "automl_disabled_parameters": [
            path for path, fact in facts.items() if fact.get("automl_enabled") is False
        ],
    }


def _shown_sections(spec: type[Block], action: Action) -> set[str]:
    """The action's own section, train (which built the model), and all that belong to no action."""
    shown = {action.value, Action.TRAIN.value}
    return {name for name in spec.model_fields if name in shown or name not in set(Action)}


def _properties(block: type[Block]) -> dict[str, Any]:
    sections = block.sections()
    defaults = block().model_dump(mode="json")
    generated = block.model_json_schema()["properties"]
    properties: dict[str, Any] = {}
    for name, field in block.model_fields.items():
        if name in sections:
            properties[name] = {
                "type": "object",
                "additionalProperties": False,
                "description": inspect.getdoc(sections[name]) or "",
                "properties": _properties(sections[name]),
            }
            continue
        properties[name] = generated[name] | {"default": defaults[name]}
        choices = generated[name].get("enum")
        if choices is None:
            continue
        if other_choices(field):
            properties[name]["examples"] = properties[name].pop("enum")
        else:
            # A published default that is no choice stays legal: clients send the default back unread.
            properties[name]["enum"] = list(dict.fromkeys([*choices, defaults[name]]))
    return properties
