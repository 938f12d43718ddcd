"""Removes the channels of a parent's model that matter least."""

import json
import time
from typing import Any, cast

import torch
from torch import nn

import tunesmith
from tunesmith.data.errors import DatasetError
from tunesmith.protocol import Metrics
from tunesmith.specs import Block
from tunesmith.training.engine.checkpoints import save_model
from tunesmith.training.engine.log import log
from tunesmith.training.engine.state import FORMAT
from tunesmith.training.optimize.pruning import PruneSettings, Size, prune_channels, size_of
from tunesmith.training.optimize.timing import latencies
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import Task
from tunesmith.training.verbs.job import Job, open_job
from tunesmith.training.verbs.parents import fetch_model, restore_model, torch_model
from tunesmith.training.verbs.predicting import measure_some

MODEL = "model.pth"
_MOST_MEASURED = 2000


def prune(run: Run) -> dict[str, Any]:
    """Prune, and write the smaller model as a checkpoint that can be retrained, evaluated and exported.

    Returns:
        parameters, flops, latency_ms (of one sample) and, where labelled data is at hand, accuracy: each
        before and after; pruned_groups, seconds.

    Raises:
        StoppedError: asked to stop.
        JobError, SpecError, StorageError: the job cannot go on.
    """
    started = time.monotonic()
    job = open_job(run)
    path = fetch_model(run)
    (task, whole), (smaller, model) = restore_model(job, path), restore_model(job, path)
    run.raise_if_stopped()
    example = task.example_input()
    settings = PruneSettings.of(cast("Block", job.spec.value("prune")))
    cuts = prune_channels(model, example, settings, task.output_layers(model))
    smaller.cuts = (*task.cuts, *cuts)
    run.results.mkdir(parents=True, exist_ok=True)
    save_model(_state(job, smaller, model), run.results / MODEL)
    figures = _figures(job, (task, whole), (smaller, model))
    (run.results / "prune.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    if not cuts:
        run.note("Nothing was pruned: raise prune.threshold, or lower prune.min_num_filters.")
    for name in ("parameters", "flops", "latency_ms"):
        log(f"{name}: {figures[name]['before']:.4g} before, {figures[name]['after']:.4g} after")
    return figures | {"seconds": round(time.monotonic() - started, 3)}


def _state(job: Job, task: Task[Any], model: nn.Module) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tunesmith": tunesmith.__version__,
        "network": job.network.arch,
        "spec": task.spec.model_dump(mode="json"),
        "classes": list(task.classes),
        "model_name": task.spec.value("model_name"),
        "model": model.state_dict(),
        "cuts": [list(one) for one in task.cuts],
        "done": {"epochs": 0, "steps": 0},
    }


def _figures(
    job: Job,
    before: tuple[Task[Any], nn.Module],
    after: tuple[Task[Any], nn.Module],
) -> dict[str, Any]:
    example = before[0].example_input()
    sizes: list[Size] = [size_of(model, example) for _, model in (before, after)]
    with torch.inference_mode():
        times = latencies([lambda: before[1](example), lambda: after[1](example)])
    accuracy = _accuracies(job, before, after)
    return {
        "parameters": {"before": sizes[0].parameters, "after": sizes[1].parameters},
        "flops": {"before": sizes[0].flops, "after": sizes[1].flops},
        "latency_ms": {"before": round(1e3 * times[0], 3), "after": round(1e3 * times[1], 3)},
        "accuracy": accuracy,
        "pruned_groups": len(after[0].cuts) - len(before[0].cuts),
    }


def _accuracies(job: Job, *models: tuple[Task[Any], nn.Module]) -> dict[str, dict[str, float]]:
    """The metrics before and after, on the same labelled samples; none where no labels are at hand."""
    found = []
    for task, model in models:
        try:
            work = task.evaluation(job.spec)
        except DatasetError as error:
            job.run.note(f"What pruning costs in accuracy is not measured: {error}")
            return {}
        measured = measure_some(job.run, torch_model(job, task, model, MODEL), work, _MOST_MEASURED)
        found.append(measured.named())
    job.run.report(Metrics(values=dict(found[1])))
    return dict(zip(("before", "after"), found, strict=True))
