"""What a job freezes when it is posted, so that later changes of its experiment do not touch it."""

from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tunesmith.protocol import DatasetInput, MetricGoal
from tunesmith.storage.locations import Location

PULL = "pull"
"""The internal action that brings a dataset onto this machine."""
PULL_MODEL = "pull_model"
"""The internal action that brings the weights of a base experiment onto this machine."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class FrozenDataset(_Frozen):
    """A dataset at one revision."""

    id: UUID
    revision: int
    name: str
    type: str
    format: str
    intents: tuple[str, ...] = ()
    source: Location

    def as_input(self, datasets_dir: Path) -> DatasetInput:
        """The dataset as its worker is told of it: with the folder of the pulled copy."""
        return DatasetInput(
            id=self.id,
            name=self.name,
            type=self.type,
            format=self.format,
            intents=self.intents,
            source=self.source,
            cache=datasets_dir / str(self.id) / str(self.revision),
        )


class FrozenInputs(_Frozen):
    """The datasets, the base experiments, the place for results and the goal of a job.

    Attributes:
        folder: where the results lie below results/<job id>; empty for that folder itself.
    """

    train_datasets: tuple[FrozenDataset, ...] = ()
    eval_dataset: FrozenDataset | None = None
    inference_dataset: FrozenDataset | None = None
    calibration_dataset: FrozenDataset | None = None
    base_models: tuple[UUID, ...] = ()
    workspace: Location | None = None
    folder: str = ""
    metric: MetricGoal | None = None

    @classmethod
    def load(cls, stored: dict[str, Any]) -> "FrozenInputs":
        """From a job's row."""
        return cls.model_validate(stored)

    def dump(self) -> dict[str, Any]:
        """For a job's row."""
        return self.model_dump(mode="json")

    def datasets(self) -> tuple[FrozenDataset, ...]:
        """Every dataset of the job, each once."""
        single = (self.eval_dataset, self.inference_dataset, self.calibration_dataset)
        every = [*self.train_datasets, *(one for one in single if one)]
        return tuple({one.id: one for one in every}.values())

    def results_of(self, job_id: UUID) -> Location | None:
        """Where the results of a job lie in the workspace."""
        return self.workspace.child(self.results_key(job_id)) if self.workspace else None

    def results_key(self, job_id: UUID) -> str:
        """The folder of the results of a job: results/<job id>, or the one below it that its specs name."""
        return f"results/{job_id}/{self.folder}".rstrip("/")
