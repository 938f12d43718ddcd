"""Fields that a client may write and nobody may read."""

from typing import Annotated, Any

from pydantic import StringConstraints

from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.wire import Body

EnvVars = dict[str, Annotated[str, StringConstraints(max_length=500)] | None]
"""Environment variables by name."""


def sealed_with(vault: Vault, sealed: str | None, request: Body, names: set[str]) -> str | None:
    """What is sealed, with those of the named fields that the request sets put into it."""
    changes: dict[str, Any] = request.model_dump(mode="json", include=names & request.model_fields_set)
    return vault.seal(vault.open(sealed) | changes) if changes else sealed
