"""Every network's spec against the published one: names, types, defaults, bounds and search flags."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tunesmith.networks import Network, networks
from tunesmith.specs import Action, action_schema, default_spec
from tunesmith.specs.block import key_facts

CONTRACT = Path(__file__).parents[1] / "contract" / "specs"
ALL = list(networks().values())

# The published list holds the names behind a line break and with an explanation in brackets.
ODD_CHOICES = {"distill.loss_type"}


def published(network: Network) -> dict[str, dict[str, Any]]:
    keys: dict[str, dict[str, Any]] = json.loads((CONTRACT / f"{network.arch}.json").read_text())["keys"]
    return keys


@cache
def schema_of(network: Network, action: Action) -> dict[str, Any]:
    return action_schema(network.spec, action)


def leaf(network: Network, path: str) -> dict[str, Any]:
    top = path.split(".", maxsplit=1)[0]
    found = schema_of(network, Action(top) if top in set(Action) else Action.TRAIN)
    for name in path.split("."):
        found = found["properties"][name]
    return found


def nested(values: dict[str, Any], path: str) -> Any:
    found: Any = values
    for name in path.split("."):
        found = found[name]
    return found


CASES = [
    pytest.param(network, path, id=f"{network.arch}:{path}") for network in ALL for path in published(network)
]


@pytest.mark.parametrize(("network", "path"), CASES)
def test_key_is_the_published_one(network: Network, path: str) -> None:
    told = published(network)[path]
    ours = leaf(network, path)
    assert nested(network.spec().model_dump(mode="json"), path) == told.get("default")
    assert told["type"] in types_of(ours)
    if "enum" not in told:  # choices say more than bounds
        minimum = told.get("min", told.get("min_decl"))
        assert bound(ours, "minimum") == minimum or minimum is None
        maximum = told.get("max", told.get("max_decl"))
        assert bound(ours, "maximum") == maximum or maximum in (None, "inf")
    assert ours.get("automl_enabled") == told.get("automl")
    assert ours.get("popular", False) == told.get("popular", False)
    assert ours.get("math_cond") == told.get("math_cond")
    assert ours.get("value_type") == told.get("vt")


@pytest.mark.parametrize(("network", "path"), CASES)
def test_published_choices_are_taken(network: Network, path: str) -> None:
    choices = published(network)[path].get("enum", [])
    ours = leaf(network, path)
    offered = ours.get("enum") or ours.get("examples") or []
    if path not in ODD_CHOICES:
        assert set(choices) <= set(offered)


@pytest.mark.parametrize("network", ALL, ids=lambda network: network.arch)
def test_keys_of_ours_are_marked(network: Network) -> None:
    extra = {path for path, _ in network.spec.leaves()} - set(published(network))
    marked = {path for path, field in network.spec.leaves() if key_facts(field).get("x-tunesmith")}
    assert extra == marked


@pytest.mark.parametrize("network", ALL, ids=lambda network: network.arch)
def test_default_parameters_of_the_search_are_the_published_flags(network: Network) -> None:
    schema = action_schema(network.spec, Action.TRAIN)
    shown = default_spec(network.spec, Action.TRAIN)
    told = [
        path for path, key in published(network).items() if key.get("automl") and path.split(".")[0] in shown
    ]
    assert schema["automl_default_parameters"] == told


def types_of(schema: dict[str, Any]) -> set[str]:
    branches = schema.get("anyOf", [schema])
    return {branch["type"] for branch in branches if "type" in branch}


def bound(schema: dict[str, Any], name: str) -> Any:
    """A bound of a number, or of the number that a key may be."""
    return next((branch[name] for branch in schema.get("anyOf", [schema]) if name in branch), None)
