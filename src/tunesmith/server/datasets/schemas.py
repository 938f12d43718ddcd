"""Datasets on the wire."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from tunesmith.data.types import DatasetFormat, DatasetType, Intent
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.experiments.bases import BaseExperiments
from tunesmith.server.jobs.schemas import JobSubset
from tunesmith.server.kit.pagination import PaginationInfo
from tunesmith.server.kit.private import EnvVars
from tunesmith.server.kit.wire import Body, Description, Link, Moment, Name, Reply, ShortVersion
from tunesmith.specs import Action

LOGO = "https://www.nvidia.com"


class DatasetReq(Body):
    """A dataset to create, or what to change of one: keys that are left out stay as they are."""

    name: Name = "My Dataset"
    description: Description = "My TAO Dataset"
    version: ShortVersion = "1.0.0"
    logo: Link | None = LOGO
    shared: bool = False
    type: DatasetType | None = None
    format: DatasetFormat | None = None
    workspace: UUID | None = None
    cloud_file_path: Link | None = Field(None, description="Folder of the dataset in its workspace.")
    url: Link | None = Field(
        None,
        description="Address of an archive that holds the dataset's files, or of a dataset's page on the "
        "Hugging Face hub; instead of cloud_file_path. What is behind a question mark is never shown again.",
    )
    client_url: Link | None = None
    client_id: Link | None = None
    client_secret: Link | None = None
    filters: Link | None = None
    use_for: Annotated[list[Intent], Field(max_length=3)] | None = None
    base_experiment: BaseExperiments = Field([])
    skip_validation: bool | None = None
    check_all_images: bool | None = Field(
        None,
        description="Whether the pull decodes every image, and not a sample of a large set.",
        json_schema_extra={"x-tunesmith": True},
    )
    authorized_party_nca_id: Link | None = ""
    docker_env_vars: EnvVars = Field({}, description="Never shown again.")
    user_id: UUID | None = Field(None, description="Ignored: a dataset belongs to who creates it.")
    status: PullStatus | None = Field(None, description="Ignored: the server sets it.")
    base_experiment_pull_complete: PullStatus | None = Field(None, description="Ignored.")


class DatasetRsp(Reply):
    """A dataset. `status_reason` says why a pull failed, `validation` what was found inside."""

    id: UUID
    created_on: Moment
    last_modified: Moment
    name: str
    description: str
    version: str
    logo: str | None
    shared: bool
    type: DatasetType
    format: DatasetFormat
    workspace: UUID | None
    url: str | None
    cloud_file_path: str | None
    client_url: str | None
    actions: list[Action]
    status: PullStatus
    status_reason: str
    validation: dict[str, Any] = Field({}, description="Counts and findings; in the reply for one dataset.")
    use_for: list[Intent]
    base_experiment: list[UUID]
    base_experiment_pull_complete: PullStatus | None = Field(
        None, description="How far the weights of its base experiments are; left out while it has none."
    )
    base_experiment_pull_reason: str = Field(
        "", description="Why they cannot be had.", json_schema_extra={"x-tunesmith": True}
    )
    skip_validation: bool | None = Field(None, description="Left out: it is read at creation alone.")
    authorized_party_nca_id: str | None
    jobs: dict[str, JobSubset] = Field({}, description="Its jobs by id; left out while there is none.")


class DatasetListRsp(Reply):
    """Datasets."""

    datasets: list[DatasetRsp]
    pagination_info: PaginationInfo | None = None


class DatasetFormats(Reply):
    """What a dataset of some type may look like and be used for."""

    dataset_formats: list[DatasetFormat]
    accepted_dataset_intents: list[Intent]
