"""A training that has to learn something, run as a job."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tunesmith.protocol import DatasetInput, JobFolder, JobRequest, ParentInput, Resources, ResultsTarget
from tunesmith.specs.paths import with_values
from tunesmith.storage.locations import FolderStore, Location
from tunesmith.training.actions import run_action
from tunesmith.training.run import Run

TRAINED, MEASURED, WORKSPACE = "trained", "measured", "workspace"


@dataclass(frozen=True)
class Case:
    """What to train and what it must reach.

    Attributes:
        network: the architecture.
        data: what is learnt, in words.
        kind: type and format of the datasets.
        write: writes two datasets into a folder: `trained`, to learn from and to choose the best epoch by,
            and `measured`, of which the training sees nothing; in `workspace` may lie what the spec names.
        specs: by dotted path.
        metric: of the evaluation on `measured`.
        least: what it must reach.
    """

    network: str
    data: str
    kind: tuple[str, str]
    write: Callable[[Path], None]
    specs: Mapping[str, Any]
    metric: str
    least: float


@dataclass(frozen=True)
class Learnt:
    """What came of a case: the metric, and the seconds that its training took."""

    case: Case
    value: float
    seconds: float

    @property
    def enough(self) -> bool:
        """Whether it reached what it must."""
        return self.value >= self.case.least


def learn(case: Case, folder: Path) -> Learnt:
    """Train, and evaluate the best epoch on data that the training has not seen."""
    case.write(folder)
    began = time.monotonic()
    train = _job(case, folder, "train", train_datasets=(_dataset(case, folder, TRAINED),))
    seconds = time.monotonic() - began
    request = train[0].request
    assert request.results is not None
    parent = ParentInput(
        job_id=request.job_id,
        action="train",
        results=request.results.location,
        specs=request.specs,
        files=("model_best.pth",),
    )
    _, outcome = _job(case, folder, "evaluate", parent=parent, eval_dataset=_dataset(case, folder, MEASURED))
    return Learnt(case, outcome["metrics"][case.metric], seconds)


def _dataset(case: Case, folder: Path, name: str) -> DatasetInput:
    return DatasetInput(
        id=uuid4(),
        name=name,
        type=case.kind[0],
        format=case.kind[1],
        source=Location(store=FolderStore(id=name, path=folder / name)),
        cache=folder / "caches" / name,
    )


def _job(case: Case, folder: Path, action: str, **inputs: Any) -> tuple[Run, dict[str, Any]]:
    workspace = FolderStore(id="workspace", path=folder / WORKSPACE)
    workspace.path.mkdir(exist_ok=True)
    job_id = uuid4()
    job = JobFolder(folder / str(job_id))
    job.create(
        JobRequest(
            job_id=job_id,
            action=action,
            network=case.network,
            specs=with_values({}, case.specs),
            results=ResultsTarget(location=Location(store=workspace, prefix=f"results/{job_id}")),
            resources=Resources(threads=os.cpu_count() or 1),
            **inputs,
        )
    )
    run = Run(job)
    outcome = run_action(run)
    run.publish()
    return run, outcome
