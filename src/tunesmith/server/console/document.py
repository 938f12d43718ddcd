"""The OpenAPI document of the server."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_NEVER_SENT = "422"
"""What FastAPI documents for each operation; a request that is wrong is answered with 400 here."""
_UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")
_INTEGER = {"type": "integer", "format": "int64"}
_HEADERS: dict[str, dict[str, Any]] = {
    "X-RateLimit-Limit": {
        "description": "The number of allowed requests in the current period",
        "schema": _INTEGER,
    },
    "X-RateLimit-Remaining": {
        "description": "The number of requests that are left in the current period",
        "schema": _INTEGER,
    },
    "X-RateLimit-Reset": {
        "description": "When the current period ends, in seconds since 1970",
        "schema": _INTEGER,
    },
    "X-Request-ID": {
        "description": "The request's id, as in the server's log; a client's own is kept",
        "schema": {"type": "string", "maxLength": 64},
    },
}
_ON_REPLIES = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
_ON_429 = {
    "Retry-After": {
        "description": "Seconds until requests are allowed again",
        "schema": {"type": "integer", "minimum": 1},
    }
}


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
                operation["summary"] = _first_sentence(operation)
                _correct(operation["responses"])
        made["components"]["headers"] = _HEADERS
        for name in _UNUSED_SCHEMAS:
            made["components"]["schemas"].pop(name, None)
        app.openapi_schema = made
    return app.openapi_schema


def _first_sentence(operation: dict[str, Any]) -> str:
    """What an operation's docstring begins with: it says more than the name of the function."""
    text: str = operation.get("description") or operation["summary"]
    return text.partition("\n")[0].partition(". ")[0].removesuffix(".")


def _correct(replies: dict[str, Any]) -> None:
    replies.pop(_NEVER_SENT, None)
    for status, reply in replies.items():
        if int(status) >= 400:  # JSON, although the operation itself may answer with text or a file
            (content,) = reply["content"].values()
            reply["content"] = {"application/json": content}
        reply["headers"] = _ON_REPLIES | (_ON_429 if status == "429" else {}) | reply.get("headers", {})
