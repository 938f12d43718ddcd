"""Opens the model that a parent job left: a checkpoint, an exported graph, or an engine."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tunesmith.protocol import Cause, ParentInput
from tunesmith.specs import Block, validate_spec
from tunesmith.storage.errors import StorageFileMissingError
from tunesmith.training.engine.checkpoints import TornCheckpointError, load_checkpoint
from tunesmith.training.engine.state import predicting_weights
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.engine_files import BESIDE
from tunesmith.training.optimize.engines import open_engine
from tunesmith.training.optimize.graphs import GraphModel
from tunesmith.training.optimize.onnx_export import CLASSES, SPEC
from tunesmith.training.optimize.onnx_runtime import OnnxModel
from tunesmith.training.run import Run
from tunesmith.training.tasks import task_of
from tunesmith.training.tasks.base import Task
from tunesmith.training.verbs.job import Job

_BESIDE = {".onnx": ".data", ".engine": BESIDE}


@dataclass(frozen=True)
class Opened:
    """A model that predicts.

    Attributes:
        task: as the model was trained.
        predict: outputs for inputs on the processor.
        source: the file it came from.
        engine: what computes: "torch", "ONNX Runtime", "OpenVINO in int8".
    """

    task: Task[Any]
    predict: Callable[[Tensor], Any]
    source: str
    engine: str


def open_model(job: Job) -> Opened:
    """The parent's model, ready to predict.

    Raises:
        JobError: the parent has left no model that can be used.
        StorageError: it cannot be fetched.
    """
    path = fetch_model(job.run)
    match path.suffix:
        case ".onnx":
            return opened(job, OnnxModel(path, torch.get_num_threads()), path)
        case ".engine":
            return opened(job, open_engine(path, torch.get_num_threads()), path)
        case _:
            task, model = restore_model(job, path)
            return torch_model(job, task, task.prepared(model, job.spec), path.name)


def fetch_model(run: Run) -> Path:
    """Fetch the parent's model file, and what it has beside it: weights of a large graph, facts of an engine.

    Raises:
        JobError: there is no parent, or it has left no model.
        StoppedError: asked to stop meanwhile.
        StorageError: it cannot be fetched.
    """
    parent = _require_parent(run)
    return run.interruptible(lambda: _fetch(run, parent, parent.files[0]))


def _fetch(run: Run, parent: ParentInput, key: str) -> Path:
    files = run.files(parent.results)
    # Processes that train together each fetch a copy of their own.
    target = run.scratch / f"parent_{run.seat.rank}" / Path(key).name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        files.download(key, target)
    except StorageFileMissingError as error:
        raise JobError(Cause.PARENT, f"The parent job {parent.job_id} has no file {key} any more.") from error
    beside = _BESIDE.get(target.suffix)
    if beside and files.exists(f"{key}{beside}"):
        files.download(f"{key}{beside}", target.with_name(f"{target.name}{beside}"))
    return target


def restore_task(job: Job, path: Path) -> tuple[Task[Any], dict[str, Tensor]]:
    """The task and the weights in a checkpoint; the model's structure is that of its own spec.

    Raises:
        JobError: it is not a whole checkpoint, or of another network.
    """
    try:
        saved = load_checkpoint(path)
    except TornCheckpointError as error:
        raise JobError(Cause.PARENT, f"{error} Train again, or choose another checkpoint.") from error
    task = _task(job, saved, path)
    task.cuts = saved.get("cuts", ())
    weights = predicting_weights(saved)
    task.adopt_weights(weights)
    return task, weights


def restore_model(job: Job, path: Path) -> tuple[Task[Any], nn.Module]:
    """The task and the model in a checkpoint, on the processor and in evaluation mode.

    Raises:
        JobError: it is not a whole checkpoint, or of another network.
    """
    task, weights = restore_task(job, path)
    model = task.shaped(task.build_model())
    model.load_state_dict(weights)
    return task, model.eval()


def torch_model(job: Job, task: Task[Any], model: nn.Module, source: str) -> Opened:
    """A model in torch, ready to predict on the job's device."""
    model.to(job.device).eval()
    return Opened(task, lambda inputs: model(inputs.to(job.device)), source, "torch")


def _require_parent(run: Run) -> ParentInput:
    parent = run.request.parent
    if parent is None or not parent.files:
        raise JobError(
            Cause.PARENT,
            f"The action {run.request.action} needs a parent job that left a model.",
            "Post it again with parent_job_id set to a finished train or export job.",
        )
    return parent


def opened(job: Job, model: GraphModel, path: Path) -> Opened:
    """An exported graph, or an engine made of it, ready to predict.

    Raises:
        JobError: it was not exported by tunesmith, or is of another network.
    """
    facts = {name: json.loads(model.metadata[name]) for name in (SPEC, CLASSES) if name in model.metadata}
    if len(facts) < 2:
        raise JobError(
            Cause.PARENT,
            f"{path.name} was not exported by tunesmith: its metadata lack {SPEC} or {CLASSES}.",
            "Export the model again.",
        )
    facts = {"spec": facts[SPEC], "classes": facts[CLASSES], "network": job.network.arch}
    task = _task(job, facts, path)
    task.adopt_graph(model.metadata)
    return Opened(
        task,
        lambda inputs: task.outputs(model.run(inputs, task.companions())),
        path.name,
        model.label,
    )


def _task(job: Job, facts: Mapping[str, Any], path: Path) -> Task[Any]:
    if facts.get("network") != job.network.arch:
        raise JobError(
            Cause.PARENT,
            f"{path.name} is a model of {facts.get('network')}, not of {job.network.arch}.",
            "Choose a parent job of the same experiment.",
        )
    spec: Block = validate_spec(job.network.spec, facts["spec"])
    return task_of(job.network, spec)(job.run, job.network, spec, tuple(facts["classes"]))
