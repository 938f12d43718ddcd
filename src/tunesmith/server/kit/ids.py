"""Ids in paths and bodies."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator

from tunesmith.server.kit.errors import BadRequestError, shortened


class BadIdError(BadRequestError):
    """An id is not a UUID. The API gives this error a code of its own: 1."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{shortened(ascii(text))} is not a valid id: ids are UUIDs")

    def body(self) -> dict[str, Any]:
        """The reply, with the code 1."""
        return super().body() | {"error_code": 1}


def parse_id(text: str) -> UUID:
    """The id that the text stands for.

    Raises:
        BadIdError: the text is no UUID.
    """
    try:
        return UUID(text)
    except ValueError:
        raise BadIdError(text) from None


PathId = Annotated[UUID, BeforeValidator(parse_id)]
"""An id in a path: `workspace_id: PathId`."""
