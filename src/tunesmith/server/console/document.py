"""The OpenAPI document of the server."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_NEVER_SENT = "422"
"""What FastAPI documents for each operation; a request that is wrong is answered with 400 here."""
_UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document, made at the first call."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        for operations in made["paths"].values():
            for operation in operations.values():
                _correct(operation["responses"])
        for name in _UNUSED_SCHEMAS:
            made["components"]["schemas"].pop(name, None)
        app.openapi_schema = made
    return app.openapi_schema


def _correct(replies: dict[str, Any]) -> None:
    replies.pop(_NEVER_SENT, None)
    for status, reply in replies.items():
        if int(status) >= 400:  # JSON, although the operation itself may answer with text or a file
            (content,) = reply["content"].values()
            reply["content"] = {"application/json": content}
