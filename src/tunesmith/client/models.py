"""What the API answers, typed. Fields that this client does not know are kept, not dropped."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from tunesmith.client.progress import Progress

ENDED = frozenset({"Done", "Error", "Canceled", "Paused"})
"""States in which a job stays until somebody acts."""


class Resource(BaseModel):
    """Anything with an id on the server."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    name: str | None = None
    created_on: datetime | None = None
    last_modified: datetime | None = None

    def raw(self) -> dict[str, Any]:
        """The reply as plain JSON values."""
        return self.model_dump(mode="json", exclude_unset=True)


class Outcome(BaseModel):
    """What came of one object of a request about many."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    status: str = "failed"
    error_desc: str = ""

    @property
    def well(self) -> bool:
        """Whether it was done."""
        return self.status == "success"


class Login(BaseModel):
    """A session: the token belongs in later requests, and expires after a day."""

    model_config = ConfigDict(frozen=True, extra="allow")

    token: str
    user_id: str = ""
    user_name: str | None = None
    user_email: str | None = None


class Workspace(Resource):
    """A place in somebody's storage."""

    cloud_type: str = ""
    shared: bool = False


class FoundDatasets(BaseModel):
    """Folders of a workspace that would make a dataset; not all of them unless `complete`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    dataset_paths: tuple[str, ...] = ()
    complete: bool = True


class Finding(BaseModel):
    """One thing that the validation of a dataset found wrong (severity `error`) or odd (`warning`)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    severity: str = ""
    file: str = ""
    message: str = ""
    remedy: str = ""
    count: int = 1

    def __str__(self) -> str:
        more = f" (and {self.count - 1} more like it)" if self.count > 1 else ""
        return f"{self.severity}: {self.file}: {self.message}{more}. {self.remedy}"


class Validation(BaseModel):
    """What looking into a dataset brought to light: numbers of images and classes, and findings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    counts: dict[str, Any] = {}
    findings: tuple[Finding, ...] = ()


class Dataset(Resource):
    """A dataset in a workspace. `status` ends as pull_complete or invalid_pull."""

    type: str = ""
    format: str = ""
    status: str = ""
    status_reason: str = ""
    workspace: str | None = None
    url: str | None = None
    cloud_file_path: str | None = None
    use_for: tuple[str, ...] = ()
    validation: Validation = Validation()

    @property
    def settled(self) -> bool:
        """Whether pulling and validation are over, well or badly."""
        return self.status in {"pull_complete", "invalid_pull"}

    @property
    def usable(self) -> bool:
        """Whether jobs can read it."""
        return self.status == "pull_complete"


class BaseExperiment(Resource):
    """A published model that a training can start from."""

    network_arch: str = ""
    ngc_path: str = ""
    version: str = ""
    base_experiment_metadata: dict[str, Any] = {}


class Experiment(Resource):
    """A network with its datasets; its jobs hang on it."""

    network_arch: str = ""
    status: str = ""
    workspace: str | None = None
    actions: tuple[str, ...] = ()
    train_datasets: tuple[str, ...] = ()
    eval_dataset: str | None = None
    inference_dataset: str | None = None
    calibration_dataset: str | None = None
    base_experiment: tuple[str, ...] = ()
    base_experiment_pull_complete: str | None = None
    base_experiment_pull_reason: str = ""
    jobs: dict[str, dict[str, Any]] = {}


class Job(Resource):
    """One action on an experiment or a dataset."""

    action: str = ""
    status: str = ""
    parent_id: str | None = None
    experiment_id: str | None = None
    dataset_id: str | None = None
    job_details: dict[str, Any] = {}

    @property
    def ended(self) -> bool:
        """Whether the job runs no further by itself."""
        return self.status in ENDED

    @property
    def progress(self) -> Progress:
        """How far it is and what it measured."""
        details = self.job_details.get(self.id)
        return Progress.read(details if isinstance(details, dict) else {})


class JobChange(BaseModel):
    """One change of a job's state. `actor` is the user or the server that made it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    at: datetime
    from_status: str | None = None
    to_status: str
    actor: str = ""
    reason: str = ""
