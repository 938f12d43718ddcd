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
                operation["responses"].pop(_NEVER_SENT, None)
        for name in _UNUSED_SCHEMAS:
            made["components"]["schemas"].pop(name, None)
        app.openapi_schema = made
    return app.openapi_schema
