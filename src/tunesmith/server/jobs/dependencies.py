"""What endpoints of jobs ask for: written once, for those below experiments and those below datasets."""

from typing import Annotated

from fastapi import Depends, Path, Request

from tunesmith.server.jobs.repository import Kind, Owner
from tunesmith.server.kit.ids import parse_id

OwnerId = Annotated[str, Path(max_length=36, json_schema_extra={"format": "uuid"})]


def owner_id(request: Request) -> tuple[Kind, str]:
    """The path names an experiment or a dataset: that is all that tells the two apart."""
    for kind in Kind:
        if found := request.path_params.get(f"{kind}_id"):
            return kind, found
    raise AssertionError("jobs are served below experiments and datasets alone")


OwnerIdDep = Annotated[tuple[Kind, str], Depends(owner_id)]


def _owner(found: OwnerIdDep) -> Owner:
    kind, identity = found
    return Owner(kind, parse_id(identity))


OwnerDep = Annotated[Owner, Depends(_owner)]
