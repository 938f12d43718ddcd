"""Holds what is served against the published reference of the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunesmith.server.app import create_app
from tunesmith.server.kit.settings import Settings

ORG = "/api/v1/orgs/{org_name}"

NOT_YET: set[tuple[str, str]] = set()
"""Published operations that are not served yet."""

DIFFERENT = {
    # A workspace has neither: the published filters could only ever be without effect.
    ("get", f"{ORG}/workspaces"): {("query", "type"), ("query", "format")},
}
"""Published parameters that are left out on purpose."""

BULK = {("delete", f"{ORG}/{kind}") for kind in ("workspaces", "datasets", "experiments")}
"""Operations on many objects: their published reply is that of one object, which no server ever sent."""

Document = dict[str, Any]
Operation = tuple[str, str]

PUBLISHED: Document = json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [(method, path) for path, methods in PUBLISHED["paths"].items() for method in methods]
SERVED = [operation for operation in OPERATIONS if operation not in NOT_YET]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data"))).openapi()


def named(operation: Operation) -> str:
    return f"{operation[0].upper()} {operation[1].removeprefix(ORG)}"


def facts(document: Document, schema: Document, path: str = "", trail: tuple[str, ...] = ()) -> Iterator[str]:
    """Every field of a schema as `a.b`, and every value of an enum as `a.b = value`."""
    if reference := schema.get("$ref"):
        name = reference.rsplit("/", maxsplit=1)[-1]
        if name not in trail:
            yield from facts(document, document["components"]["schemas"][name], path, (*trail, name))
        return
    for kind in ("anyOf", "allOf", "oneOf"):
        for option in schema.get(kind, ()):
            yield from facts(document, option, path, trail)
    yield from (f"{path} = {value}" for value in schema.get("enum", ()) if value is not None)
    for name, field in schema.get("properties", {}).items():
        if not field.get("writeOnly"):
            yield f"{path}.{name}"
            yield from facts(document, field, f"{path}.{name}", trail)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from facts(document, schema[key], f"{path}[]", trail)


def body(document: Document, operation: Operation) -> set[str]:
    method, path = operation
    content = document["paths"][path][method].get("requestBody", {}).get("content", {})
    return set(facts(document, content.get("application/json", {}).get("schema", {})))


def reply(document: Document, operation: Operation) -> set[str]:
    method, path = operation
    content = document["paths"][path][method]["responses"]["200"].get("content", {})
    return set(facts(document, content.get("application/json", {}).get("schema", {})))


def parameters(document: Document, operation: Operation) -> set[tuple[str, str]]:
    method, path = operation
    return {(one["in"], one["name"]) for one in document["paths"][path][method].get("parameters", [])}


def test_the_operations_served_are_the_published_ones(ours: Document):
    served = {(method, path) for path, methods in ours["paths"].items() for method in methods}
    assert set(OPERATIONS) - served == NOT_YET


@pytest.mark.parametrize("operation", SERVED, ids=named)
def test_parameters(ours: Document, operation: Operation):
    missing = parameters(PUBLISHED, operation) - parameters(ours, operation)
    assert missing == DIFFERENT.get(operation, set())


@pytest.mark.parametrize("operation", SERVED, ids=named)
def test_fields_of_the_request(ours: Document, operation: Operation):
    assert body(PUBLISHED, operation) - body(ours, operation) == set()


@pytest.mark.parametrize("operation", [one for one in SERVED if one not in BULK], ids=named)
def test_fields_of_the_reply(ours: Document, operation: Operation):
    assert reply(PUBLISHED, operation) - reply(ours, operation) == set()
