"""Organisations."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tunesmith.server.kit.dependencies import CallerDep, ReadSession
from tunesmith.server.orgs.dispatch import forwarded
from tunesmith.server.orgs.schemas import PlatformReply, SuperReq
from tunesmith.server.orgs.service import platforms
from tunesmith.server.scheduling.servers import fleet

router = APIRouter(tags=["ORGS"])

_ANY_REPLY: dict[int | str, dict[str, Any]] = {
    200: {"description": "Whatever that operation answers", "content": {"application/json": {"schema": {}}}}
}


@router.get("/orgs/{org_name}:gpu_types")
def gpu_types(_: CallerDep, session: ReadSession) -> dict[UUID, PlatformReply]:
    """What jobs can run on, by platform id. A processor counts: nothing here needs a GPU."""
    return platforms(fleet(session))


@router.get("/orgs/{org_name}", include_in_schema=False)
def kinds(_: CallerDep) -> list[str]:
    """What an organisation has."""
    return ["datasets", "experiments", "workspaces"]


@router.post("/orgs/{org_name}/super_endpoint", response_class=Response, responses=_ANY_REPLY)
async def super_endpoint(_: CallerDep, body: SuperReq, request: Request) -> Response:
    """Carry out the operation that the body names, as if it had been asked for itself."""
    below = request.scope["path"].removesuffix("/super_endpoint")
    return forwarded(request.app.router, below, body)
