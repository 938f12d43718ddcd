"""Endpoints for whoever watches the server. They need no login."""

from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tunesmith.server.kit.dependencies import DatabaseDep, SettingsDep
from tunesmith.server.kit.disk import DiskFullError, require_room
from tunesmith.server.kit.errors import UnavailableError

router = APIRouter(tags=["HEALTH"])

_OK = "OK"


@router.get("/health")
@router.get("/health/liveness")
async def liveness() -> str:
    """Whether the server answers."""
    return _OK


@router.get("/health/readiness")
def readiness(request: Request, database: DatabaseDep, settings: SettingsDep) -> str:
    """Whether the server can do its work: database, disk and scheduler."""
    try:
        with database.read() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        raise UnavailableError("The database does not answer") from None
    try:
        require_room(settings)
    except DiskFullError:  # its message names a folder, and nobody here is logged in
        raise UnavailableError("The disk is nearly full") from None
    if not request.app.state.scheduler.alive:
        raise UnavailableError("The scheduler has stopped: restart the server")
    return _OK
