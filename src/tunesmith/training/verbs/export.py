"""Exports a parent's model to ONNX."""

import json
import time
from dataclasses import replace
from typing import Any

import torch

from tunesmith.protocol import Cause
from tunesmith.specs.blocks.actions import Export, OnnxExport
from tunesmith.training.engine.log import log
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.deepstream import CONFIGURATION, configuration
from tunesmith.training.optimize.onnx_export import CLASSES, SPEC, facts, write_graph
from tunesmith.training.optimize.onnx_runtime import OnnxModel
from tunesmith.training.optimize.settings import written_file
from tunesmith.training.optimize.verify import BATCHES, Difference, compare, require_agreement
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import ExportPlan, Task
from tunesmith.training.verbs.job import Job, open_job
from tunesmith.training.verbs.parents import fetch_model, restore_task

GRAPH = "model.onnx"


def export(run: Run) -> dict[str, Any]:
    """Export, run the graph against torch, and write down how they differ.

    Returns:
        onnx_max_abs_diff, differences by output and batch size, opset, files, seconds.

    Raises:
        StoppedError: asked to stop.
        JobError: the model cannot be exported, or the graph does not compute what the model does.
        SpecError, StorageError: the job cannot go on.
    """
    started = time.monotonic()
    job = open_job(run)
    task, spec, plan = _plan(job)
    run.raise_if_stopped()
    run.results.mkdir(parents=True, exist_ok=True)
    path = run.results / written_file(job.spec.value("export.onnx_file"), GRAPH)
    opset = write_graph(plan, path, spec, run.note)
    run.raise_if_stopped()
    differences = _differences(task, plan, OnnxModel(path, torch.get_num_threads()))
    require_agreement(differences)
    if plan.labels:
        (run.results / "labels.txt").write_text(
            "".join(f"{name}\n" for name in plan.labels), encoding="utf-8"
        )
    if isinstance(spec, Export) and spec.serialize_nvdsinfer:
        text = configuration(plan, job.network.task, path.name, run.note)
        (run.results / CONFIGURATION).write_text(text, encoding="utf-8")
    figures: dict[str, Any] = {
        "onnx_max_abs_diff": max(one.largest for one in differences),
        "differences": [one.figures() for one in differences],
        "opset": opset,
        "input": {"name": plan.input_name, "shape": list(plan.example.shape)[1:]},
        "outputs": list(plan.output_names),
        "metadata": {name: value for name, value in plan.metadata.items() if name not in (SPEC, CLASSES)},
    }
    (run.results / "export.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    files = sorted(path.name for path in run.results.iterdir() if path.is_file())
    log(
        f"{path.name}: opset {opset}, {path.stat().st_size / 1e6:.1f} MB; "
        f"it differs from torch by {figures['onnx_max_abs_diff']:.2g} at most"
    )
    return figures | {"files": files, "seconds": round(time.monotonic() - started, 3)}


def _plan(job: Job) -> tuple[Task[Any], OnnxExport, ExportPlan]:
    """How to export, and what: on an example of the batch that the graph is to take."""
    path = fetch_model(job.run)
    if path.suffix != ".pth":
        raise JobError(
            Cause.PARENT,
            f"The parent job left {path.name}, but export needs a checkpoint.",
            "Post the export with a finished train job as its parent.",
        )
    task, weights = restore_task(job, path)
    spec = task.export_settings(job.spec)
    if spec.batch_size == 0:
        raise JobError(Cause.BAD_SPEC, "export.batch_size: must be -1 (any batch) or at least 1, got 0.")
    plan = task.export_plan(weights, job.spec)
    example = plan.example[:1].expand(
        2 if spec.batch_size == -1 else spec.batch_size, *plan.example.shape[1:]
    )
    metadata = plan.metadata | facts(task.spec.model_dump(mode="json"), task.classes)
    return task, spec, replace(plan, example=example.contiguous(), metadata=metadata)


def _differences(task: Task[Any], plan: ExportPlan, graph: OnnxModel) -> list[Difference]:
    sizes = (graph.batches.fixed,) if graph.batches.fixed else BATCHES
    inputs = task.example_inputs(plan, max(sizes))
    return compare(plan.run, graph, [inputs[:size] for size in sizes])
