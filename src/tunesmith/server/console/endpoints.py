"""The API's documents and pages. They need no login and nothing from the internet."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from tunesmith.server.console import notebooks
from tunesmith.server.console.document import openapi_document
from tunesmith.server.health.build import Build, this_build

router = APIRouter()

_STATIC = Path(__file__).parent / "static"
_HEADERS = {"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff"}


@router.get("/openapi.json")
def openapi_json(request: Request) -> dict[str, Any]:
    """The API, for programs."""
    return openapi_document(request.app)


@router.get("/openapi.yaml")
def openapi_yaml(request: Request) -> Response:
    """The same as YAML."""
    import yaml

    text = yaml.safe_dump(openapi_document(request.app), sort_keys=False, allow_unicode=True)
    return Response(text, media_type="application/yaml")


@router.get("/swagger")
@router.get("/redoc")
def reference() -> FileResponse:
    """The API, for people, who can try it there."""
    return FileResponse(_STATIC / "reference.html", headers=_HEADERS)


@router.get("/rapipdf")
def printable() -> FileResponse:
    """The API, for paper: all of it on one page, which a browser prints or saves as PDF."""
    return FileResponse(_STATIC / "print.html", headers=_HEADERS)


class Asset(StrEnum):
    """What the pages consist of."""

    REFERENCE_JS = "reference.js"
    REFERENCE_CSS = "reference.css"
    PRINT_JS = "print.js"
    PRINT_CSS = "print.css"
    BOARD_JS = "board.js"
    SCHEMAS_JS = "schemas.js"


@router.get("/static/{name}")
def static(name: Asset) -> FileResponse:
    """A part of a page."""
    return FileResponse(_STATIC / name, headers=_HEADERS)


@router.get("/tao_api_notebooks.zip")
def example_notebooks() -> Response:
    """Notebooks that show the API at work, to be run anywhere."""
    headers = {"Content-Disposition": 'attachment; filename="tao_api_notebooks.zip"'}
    return Response(notebooks.archive(), media_type="application/zip", headers=headers)


@router.get("/version")
def version() -> Build:
    """Which tunesmith this is."""
    return this_build()
