"""A training that has to learn something, run as a job."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
        kept: what of the metric may be lost by pruning to half the work and retraining, and by an engine in 8
            bits; None for networks of which this is not shown.
        retraining: specs by dotted path that are others when what pruning left is trained.
        against: specs by dotted path of a second training, above whose metric it must be by that much.
        halved: a metric of the evaluation of which at most half of the second training's may be left.
    """

    network: str
    data: str
    kind: tuple[str, str]
    write: Callable[[Path], None]
    specs: Mapping[str, Any]
    metric: str
    least: float
    kept: float | None = None
    retraining: Mapping[str, Any] = field(default_factory=dict)
    against: Mapping[str, Any] | None = None
    halved: str | None = None


@dataclass(frozen=True)
class Learnt:
    """What came of a case: the metric, what it must be, and the seconds that this took.

    Attributes:
        model: what was done with it, if anything.
        other: what was measured instead of the case's metric.
    """

    case: Case
    value: float
    least: float
    seconds: float
    model: str = ""
    other: str = ""

    @property
    def name(self) -> str:
        """The network, and what was done with its model."""
        return f"{self.case.network} {self.model}".strip()

    @property
    def metric(self) -> str:
        """What was measured."""
        return self.other or self.case.metric

    @property
    def enough(self) -> bool:
        """Whether it reached what it must."""
        return self.value >= self.least


def learn(case: Case, folder: Path) -> list[Learnt]:
    """Train, and evaluate the best epoch on data that the training has not seen; then smaller models."""
    case.write(folder)
    began = time.monotonic()
    parent = _trained(case, folder)
    seconds = time.monotonic() - began
    figures = _figures(case, folder, parent)
    if case.against is not None:
        return _compared(case, folder, figures, seconds)
    whole = Learnt(case, figures[case.metric], case.least, seconds)
    if case.kept is None:
        return [whole]
    return [whole, _halved(case, folder, parent, whole), _in_8_bits(case, folder, parent, whole)]


def _compared(case: Case, folder: Path, figures: Mapping[str, float], seconds: float) -> list[Learnt]:
    """What was gained over a second training, and what is left of its loss."""
    other = replace(case, specs={**case.specs, **(case.against or {})})
    before = _figures(other, folder, _trained(other, folder))
    gained = [Learnt(case, figures[case.metric] - before[case.metric], case.least, seconds)]
    if case.halved:
        fallen = 1 - figures[case.halved] / before[case.halved]
        gained.append(Learnt(case, fallen, 0.5, seconds, "loss", f"fall of {case.halved}"))
    return gained


def _halved(case: Case, folder: Path, parent: ParentInput, whole: Learnt) -> Learnt:
    """Pruned to half the floating-point operations or fewer, and trained again."""
    began = time.monotonic()
    prune, outcome = _job(case, folder, "prune", parent=parent)
    left = outcome["flops"]["after"] / outcome["flops"]["before"]
    assert left <= 0.5, f"pruning left {left:.0%} of the work: raise prune.threshold"
    again = replace(case, specs={**case.specs, **case.retraining})
    data = (dataset_of(case, folder, TRAINED),)
    retrain, _ = _job(again, folder, "retrain", parent=_parent(prune, "model.pth"), train_datasets=data)
    value = _measured(case, folder, _parent(retrain, "model_best.pth"))
    model = f"pruned to {left:.0%} of the work"
    return Learnt(case, value, whole.value - (case.kept or 0.0), time.monotonic() - began, model)


def _in_8_bits(case: Case, folder: Path, parent: ParentInput, whole: Learnt) -> Learnt:
    began = time.monotonic()
    export, _ = _job(case, folder, "export", parent=parent)
    keys = {"gen_trt_engine.tensorrt.data_type": "int8", "gen_trt_engine.tensorrt.max_batch_size": 16}
    graph = _parent(export, "model.onnx")
    data = dataset_of(case, folder, TRAINED)
    engine, _ = _job(
        replace(case, specs={**case.specs, **keys}),
        folder,
        "gen_trt_engine",
        parent=graph,
        calibration_dataset=data,
    )
    value = _measured(case, folder, _parent(engine, "model.engine"))
    return Learnt(case, value, whole.value - (case.kept or 0.0), time.monotonic() - began, "in 8 bits")


def _trained(case: Case, folder: Path) -> ParentInput:
    run, _ = _job(case, folder, "train", train_datasets=(dataset_of(case, folder, TRAINED),))
    return _parent(run, "model_best.pth")


def _parent(run: Run, file: str) -> ParentInput:
    request = run.request
    assert request.results is not None
    return ParentInput(
        job_id=request.job_id,
        action=request.action,
        results=request.results.location,
        specs=request.specs,
        files=(file,),
    )


def _measured(case: Case, folder: Path, parent: ParentInput) -> float:
    return _figures(case, folder, parent)[case.metric]


def _figures(case: Case, folder: Path, parent: ParentInput) -> dict[str, float]:
    data = dataset_of(case, folder, MEASURED)
    _, outcome = _job(case, folder, "evaluate", parent=parent, eval_dataset=data)
    figures: dict[str, float] = outcome["metrics"]
    return figures


def dataset_of(case: Case, folder: Path, name: str) -> DatasetInput:
    """One of the datasets that the case has written into a folder."""
    return DatasetInput(
        id=uuid4(),
        name=name,
        type=case.kind[0],
        format=case.kind[1],
        source=Location(store=FolderStore(id=name, path=folder / name)),
        cache=folder / "caches" / name,
    )


def _job(case: Case, folder: Path, action: str, **inputs: Any) -> tuple[Run, dict[str, Any]]:
    run = new_run(case, folder, action, **inputs)
    outcome = run_action(run)
    run.publish()
    return run, outcome


def new_run(case: Case, folder: Path, action: str, **inputs: Any) -> Run:
    """A job of the case in a folder, with these fields of its request beside the usual ones."""
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
            **{"resources": Resources(threads=os.cpu_count() or 1)} | inputs,
        )
    )
    return Run(job)
