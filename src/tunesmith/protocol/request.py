"""What a worker is asked to do: request.json in the job folder.

It holds no secret: the keys of the stores that it names travel beside it, in memory (see `Launch`).
"""

from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tunesmith.storage.locations import Location


class Direction(StrEnum):
    """Which way a metric gets better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MetricGoal(_Part):
    """The metric that chooses the best checkpoint, as the API names it."""

    name: str
    direction: Direction


class Resources(_Part):
    """What the scheduler gave the job: of each of its machines, processor threads and the indices of GPUs.

    On each machine `processes` train together, one for each GPU. `nodes` counts the machines and `node` is
    the place of this one; machine 0 leads. `meeting` is where the processes of several machines find each
    other, as HOST:PORT of the machine that leads.
    """

    threads: int = 1
    gpus: tuple[int, ...] = ()
    processes: int = Field(1, ge=1)
    nodes: int = Field(1, ge=1)
    node: int = Field(0, ge=0)
    meeting: str = ""


class DatasetInput(_Part):
    """A dataset as frozen when the job was posted.

    `cache` is the folder that holds (or will hold) the pulled copy. It belongs to one revision of the
    dataset, so that a dataset pulled again never changes under a running job.
    """

    id: UUID
    name: str
    type: str
    format: str
    intents: tuple[str, ...] = ()
    source: Location
    cache: Path


class ModelInput(_Part):
    """A published model whose weights a training starts from.

    `folder` holds (or will hold) the weights on this machine. `hub` is where they are fetched from; None
    where nothing may be fetched.
    """

    id: UUID
    name: str
    repo: str
    file: str
    revision: str
    hub: str | None
    folder: Path


class ParentInput(_Part):
    """The job whose files this one continues from. `files` are keys relative to its results."""

    job_id: UUID
    action: str
    results: Location
    specs: dict[str, Any]
    files: tuple[str, ...] = ()


class ResultsTarget(_Part):
    """Where results go, file by file, as they become whole."""

    location: Location


class JobRequest(_Part):
    """Everything that one run of one action needs to know.

    Attributes:
        tensorboard: event files are wanted although the specs may not ask for them.
        checkpoint_seconds: after so long a training writes a checkpoint although its epoch is not over.
    """

    job_id: UUID
    attempt: int = 1
    action: str
    network: str | None = None
    specs: dict[str, Any] = {}
    train_datasets: tuple[DatasetInput, ...] = ()
    eval_dataset: DatasetInput | None = None
    inference_dataset: DatasetInput | None = None
    calibration_dataset: DatasetInput | None = None
    base_models: tuple[ModelInput, ...] = ()
    parent: ParentInput | None = None
    results: ResultsTarget | None = None
    metric: MetricGoal | None = None
    resources: Resources = Resources()
    tensorboard: bool = False
    checkpoint_seconds: float = 300.0
