"""Organisations."""

from uuid import UUID

from fastapi import APIRouter

from tunesmith.server.kit.dependencies import CallerDep
from tunesmith.server.kit.platform import this_machine
from tunesmith.server.orgs.schemas import PlatformReply
from tunesmith.server.orgs.service import platforms

router = APIRouter(tags=["ORGS"])


@router.get("/orgs/{org_name}:gpu_types")
def gpu_types(_: CallerDep) -> dict[UUID, PlatformReply]:
    """What jobs can run on, by platform id. A processor counts: nothing here needs a GPU."""
    return platforms(this_machine())


@router.get("/orgs/{org_name}", include_in_schema=False)
def kinds(_: CallerDep) -> list[str]:
    """What an organisation has."""
    return ["datasets", "experiments", "workspaces"]
