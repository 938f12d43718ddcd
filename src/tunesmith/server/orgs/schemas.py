"""Organisations, on the wire."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import StringConstraints

from tunesmith.server.kit.wire import Reply, StrictBody

_Word = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_]*$")]


class Kind(StrEnum):
    """What an organisation has."""

    WORKSPACES = "workspaces"
    DATASETS = "datasets"
    EXPERIMENTS = "experiments"


class SuperReq(StrictBody):
    """Another request in this one. `ngc_org_name` and `ngc_key` take part in nothing: the login counts."""

    api_endpoint: _Word
    kind: Kind | None = None
    handler_id: UUID | None = None
    job_id: UUID | None = None
    is_job: bool = False
    is_base_experiment: bool = False
    action: _Word | None = None
    request_body: Any = None
    ngc_org_name: Annotated[str, StringConstraints(max_length=1000)] | None = None
    ngc_key: Annotated[str, StringConstraints(max_length=1000)] | None = None
    is_json_request: bool = False


class PlatformReply(Reply):
    """Something to compute on: the machine, and what it computes with."""

    node: str
    gpu_type: str
