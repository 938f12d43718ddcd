"""The API's documents and pages. They need no login and nothing from the internet."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, Response

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


@router.get("/static/{name}")
def static(name: Annotated[str, PathParameter(pattern=r"^reference\.(js|css)$")]) -> FileResponse:
    """What the pages consist of."""
    return FileResponse(_STATIC / name, headers=_HEADERS)


@router.get("/version")
def version() -> Build:
    """Which tunesmith this is."""
    return this_build()
