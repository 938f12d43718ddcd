"""What lies where: short lists of names, for whoever begins at the top."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from tunesmith.server.kit.errors import ForbiddenError

router = APIRouter()

_DOCUMENTS = [
    "openapi.json",
    "openapi.yaml",
    "rapipdf",
    "redoc",
    "swagger",
    "tao_api_notebooks.zip",
    "version",
]


@router.get("/", response_model=None)
def root(request: Request) -> list[str] | RedirectResponse:
    """Names below the server's address; a person's browser is led to the reference."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/swagger")
    return ["api", "metrics", *_DOCUMENTS]


@router.get("/api")
def versions() -> list[str]:
    """The versions of the API."""
    return ["v1"]


@router.get("/api/v1")
def resources() -> list[str]:
    """Names below the API's address."""
    return ["auth", "health", "login", "metrics", "orgs", *_DOCUMENTS]


@router.get("/api/v1/orgs")
def organisations() -> None:
    """Organisations are nobody's to list.

    Raises:
        ForbiddenError: always.
    """
    raise ForbiddenError("Organisations are not listed: name yours, as in /api/v1/orgs/NAME/workspaces")
