"""Experiments on the wire."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from tunesmith.data.types import DatasetFormat, DatasetType, Intent
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.experiments.archs import NetworkArch
from tunesmith.server.experiments.base_schemas import BaseExperimentMetadata
from tunesmith.server.experiments.bases import BaseExperiments
from tunesmith.server.jobs.schemas import Count, JobReq, JobSubset
from tunesmith.server.jobs.states import Status
from tunesmith.server.kit.pagination import PaginationInfo
from tunesmith.server.kit.private import EnvVars
from tunesmith.server.kit.wire import (
    Body,
    CheckpointChoice,
    Description,
    Link,
    LongVersion,
    Moment,
    Name,
    Part,
    Reply,
    Tag,
)
from tunesmith.specs import Action

LOGO = "https://www.nvidia.com"
ENCRYPTION_KEY = "tlt_encode"
"""The published default, no secret. Any other key is one, and shows as HIDDEN."""
HIDDEN = "********"

Short = Annotated[str, StringConstraints(max_length=100)]
Epochs = dict[Annotated[str, StringConstraints(max_length=100)], Count | None]


class ExperimentType(StrEnum):
    """The field that a network is from."""

    VISION = "vision"
    MEDICAL = "medical"
    MAXINE = "maxine"


class Algorithm(StrEnum):
    """How AutoML searches."""

    BAYESIAN = "bayesian"
    HYPERBAND = "hyperband"


class AutoML(Part):
    """How hyperparameters are searched for."""

    automl_enabled: bool | None = None
    automl_algorithm: Algorithm | None = None
    automl_max_recommendations: Count | None = None
    automl_delete_intermediate_ckpt: bool | None = None
    override_automl_disabled_params: bool | None = None
    automl_R: Count | None = None  # noqa: N815 - the API's name
    automl_nu: Count | None = None
    epoch_multiplier: Count | None = None
    automl_hyperparameters: Annotated[str, StringConstraints(max_length=5000)] | None = None


class Echoed(Body):
    """What is kept and shown, and takes part in no rule."""

    model_description: Description = ""
    logo: Link | None = LOGO
    ngc_path: Annotated[str, StringConstraints(max_length=250)] = ""
    sha256_digest: dict[str, Any] | None = None
    additional_id_info: Short | None = None
    realtime_infer: bool = False
    realtime_infer_request_timeout: Annotated[int, Field(ge=0, le=86400)] | None = 60
    model_params: dict[str, Any] | None = Field({})
    bundle_url: Annotated[str, StringConstraints(max_length=1000)] | None = None
    tensorboard_enabled: bool | None = False
    authorized_party_nca_id: Link | None = ""


class ExperimentReq(Echoed):
    """An experiment to create, or what to change of one: keys that are left out stay as they are."""

    name: Name = "My Experiment"
    description: Description = "My Experiments"
    version: LongVersion = "1.0.0"
    shared: bool = False
    public: bool = False
    read_only: bool = False
    network_arch: NetworkArch | None = None
    workspace: UUID | None = None
    type: ExperimentType | None = None
    encryption_key: Short = ENCRYPTION_KEY
    docker_env_vars: EnvVars = Field({}, description="Never shown again.")
    train_datasets: Annotated[list[UUID], Field(max_length=1000)] = Field([])
    eval_dataset: UUID | None = None
    inference_dataset: UUID | None = None
    calibration_dataset: UUID | None = None
    base_experiment: BaseExperiments = Field([])
    checkpoint_choose_method: CheckpointChoice = CheckpointChoice.BEST_MODEL
    checkpoint_epoch_number: Epochs = Field(
        {}, description="from_epoch_number_JOB: the epoch to take of that training job; null removes it."
    )
    automl_settings: AutoML | None = None
    metric: Short | None = "kpi"
    tags: Annotated[list[Tag], Field(max_length=16)] = Field([])
    experiment_actions: Annotated[list[JobReq], Field(max_length=100)] = Field(
        [],
        description="Jobs to post at once, on creation alone. One that needs a model follows the nearest "
        "before it that makes one, or its parent_job_id.",
    )
    retry_experiment_id: UUID | None = Field(
        None,
        description="On creation alone: begin like this experiment of yours, but for the fields that are "
        "sent, and post all of its jobs again.",
    )
    user_id: UUID | None = Field(None, description="Ignored: an experiment belongs to who creates it.")
    base_experiment_pull_complete: PullStatus | None = Field(None, description="Ignored.")


class ExperimentRsp(Reply):
    """An experiment."""

    id: UUID
    created_on: Moment
    last_modified: Moment
    name: str
    shared: bool
    description: str
    model_description: str
    version: str
    logo: str | None
    ngc_path: str
    workspace: UUID | None = Field(description="Null for base experiments alone.")
    sha256_digest: dict[str, Any] | None
    additional_id_info: str | None
    checkpoint_choose_method: CheckpointChoice
    checkpoint_epoch_number: dict[str, int | None]
    encryption_key: str = Field(
        HIDDEN,
        description=f"The published default, or {HIDDEN} for a key of your own. Base experiments have none.",
    )
    network_arch: NetworkArch
    base_experiment: list[UUID]
    dataset_type: DatasetType | None
    dataset_formats: list[DatasetFormat]
    accepted_dataset_intents: list[Intent]
    train_datasets: list[UUID]
    eval_dataset: UUID | None
    inference_dataset: UUID | None
    calibration_dataset: UUID | None
    read_only: bool
    public: bool
    actions: list[Action]
    automl_settings: AutoML
    metric: str | None
    type: ExperimentType
    realtime_infer: bool
    realtime_infer_support: bool
    realtime_infer_request_timeout: int | None
    model_params: dict[str, Any] | None
    bundle_url: str | None
    experiment_actions: list[JobReq]
    tensorboard_enabled: bool | None
    tags: list[str]
    authorized_party_nca_id: str | None
    status: Status = Field(Status.PENDING, description="In lists and single reads.")
    jobs: dict[str, JobSubset] = Field({}, description="Its jobs by id; left out while there is none.")
    all_jobs_cancel_status: Status | None = Field(
        None, description="Canceling or Canceled, once all of its jobs were cancelled at once."
    )
    base_experiment_pull_complete: PullStatus | None = Field(
        None, description="How far the weights of its base experiments are; left out while it has none."
    )
    base_experiment_pull_reason: str = Field(
        "", description="Why they cannot be had.", json_schema_extra={"x-tunesmith": True}
    )
    base_experiment_metadata: BaseExperimentMetadata | None = Field(None, description="Of base experiments.")


class ExperimentListRsp(Reply):
    """Experiments."""

    experiments: list[ExperimentRsp]
    pagination_info: PaginationInfo | None = None


class Tags(Reply):
    """Tags in use."""

    tags: list[str]
