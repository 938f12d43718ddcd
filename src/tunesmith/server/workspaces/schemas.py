"""Workspaces, on the wire. Credentials come in and never go out."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from tunesmith.server.kit.wire import Body, CloudType, Moment, Name, Reply, ShortVersion

Details = Annotated[
    dict[str, Any],
    Field(
        description="For self_hosted either path, or cloud_bucket_name, endpoint_url, access_key, secret_key "
        "and cloud_region; for aws access_key, secret_key, cloud_region and cloud_bucket_name; for azure "
        "account_name, access_key, cloud_region and cloud_bucket_name; for gcp cloud_bucket_name and "
        "service_account_key; for huggingface token."
    ),
]


class WorkspaceReq(Body):
    """A new workspace."""

    name: Name = "My Workspace"
    shared: bool = False
    version: ShortVersion = "1.0.0"
    cloud_type: CloudType
    cloud_specific_details: Details


class WorkspaceChange(Body):
    """What is to change: the fields that are there. Credentials may come one by one."""

    name: Name = ""
    shared: bool = False
    version: ShortVersion = ""
    cloud_type: CloudType | None = None
    cloud_specific_details: Details | None = None


class WorkspaceIds(Body):
    """Several workspaces."""

    workspace_ids: list[str]


class DatasetPathsRsp(Reply):
    """Folders that would make a dataset. `complete` is false if the time was over before the listing."""

    dataset_paths: list[str]
    complete: bool = True


class WorkspaceRsp(Reply):
    """A workspace, without its credentials."""

    id: UUID
    user_id: UUID
    created_on: Moment
    last_modified: Moment
    name: str
    shared: bool
    version: str
    cloud_type: CloudType
