"""Jobs on the wire."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from tunesmith.protocol import Gap
from tunesmith.server.jobs.detail_schemas import JobResult
from tunesmith.server.jobs.states import Status
from tunesmith.server.kit.pagination import PaginationInfo
from tunesmith.server.kit.wire import Body, Description, ErrorRsp, Moment, Name, Reply, StrictBody
from tunesmith.specs import Action

INT64 = 2**63 - 1

Count = Annotated[int, Field(ge=0, le=INT64)]


class JobReq(StrictBody):
    """One action to run. `num_gpu` is accepted and unused: the specs say how many GPUs a job takes."""

    action: Action
    parent_job_id: UUID | None = None
    name: Name | None = None
    description: Description | None = None
    specs: dict[str, Any] | None = Field(
        None, description="The spec of the action; some actions run without: the defaults then apply."
    )
    num_gpu: Count | None = None
    platform_id: UUID | None = Field(None, description="The kind of GPU or processor, see :gpu_types.")
    memory_gb: float | None = Field(
        None, ge=0, le=2**20, description="Memory to set aside for the job in GB; an extension of tunesmith."
    )


class JobResume(StrictBody):
    """What may be another when a paused job goes on: the length and the intervals of a training."""

    parent_job_id: UUID | None = Field(None, description="The parent that the job has, or nothing.")
    specs: dict[str, Any] | None = Field(
        None,
        description="train.num_epochs, train.checkpoint_interval and train.validation_interval may change.",
    )


class JobIds(Body):
    """Several jobs of one experiment or dataset."""

    job_ids: list[str]


class ExperimentIds(Body):
    """Several experiments."""

    experiment_ids: list[str]


class DatasetIds(Body):
    """Several datasets."""

    dataset_ids: list[str]


class JobSubset(Reply):
    """A job as its experiment or dataset shows it."""

    name: str | None = None
    status: Status
    action: Action
    eta: str | None = None
    epoch: int | None = None
    max_epoch: int | None = None
    detailed_status_message: str | None = None


class JobRsp(Reply):
    """A job. It belongs to an experiment or to a dataset, and has the id of that one alone."""

    id: UUID
    parent_id: UUID | None = None
    created_on: Moment
    last_modified: Moment
    action: Action
    status: Status
    job_details: dict[str, JobResult] = Field({}, description="By the job's id.")
    sync: bool = Field(False, description="Always left out: every job runs by itself.")
    specs: Any = Field(None, description="The specs it runs with, where return_specs asks for them.")
    name: str | None = None
    description: str | None = None
    num_gpu: int | None = Field(None, description="Always left out.")
    platform_id: UUID | None = None
    experiment_id: UUID | None = None
    dataset_id: UUID | None = None


class JobListRsp(Reply):
    """Jobs."""

    jobs: list[JobRsp]
    pagination_info: PaginationInfo | None = None


class JobChange(Reply):
    """One change of a job's state. `actor` is the user or the server that made it."""

    at: Moment
    from_status: str | None
    to_status: str
    actor: str
    reason: str


class JobHistoryRsp(Reply):
    """How a job came to its state, the oldest change first."""

    changes: list[JobChange]


class AutoMLTrial(Reply):
    """One experiment of a search."""

    result: float
    status: str


class AutoMLDetails(Reply):
    """How far a search is: its trials by number."""

    current_experiment_id: int = 0
    metric: str | None
    experiments: dict[str, AutoMLTrial] = Field({})


class Told(Reply):
    """What was done."""

    message: str


class EpochNumbers(Reply):
    """The epochs whose checkpoints are kept."""

    data: list[int]


class StatusUpdate(Body):
    """A report on a job: `status` is a JSON object as text, with the fields of `job_details`."""

    experiment_number: str | int | None = None
    status: Annotated[str, Field(max_length=2**20)]


class LogUpdate(Body):
    """More of a job's log."""

    experiment_number: str | int | None = None
    log_contents: Annotated[str, Field(max_length=2**20)]


class NextToken(Reply):
    """The token for the next report, which holds as long as a login."""

    token: str


class GapRsp(Gap, ErrorRsp):
    """A piece before the one that was reported is missing: where the next one is to begin."""
