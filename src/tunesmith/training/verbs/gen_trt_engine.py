"""Builds an engine from a parent's exported graph, and measures what that gains and costs."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunesmith.data.errors import DatasetError
from tunesmith.protocol import Cause, DatasetInput
from tunesmith.storage.locations import Location
from tunesmith.training.engine.loading import Loader, Order, Some
from tunesmith.training.engine.log import log
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.engine_files import FACTS, EngineFacts, Kind
from tunesmith.training.optimize.engines import Build, build_engine, choose_kind, open_engine
from tunesmith.training.optimize.graphs import GraphModel
from tunesmith.training.optimize.onnx_export import CLASSES, SPEC
from tunesmith.training.optimize.onnx_runtime import OnnxModel
from tunesmith.training.optimize.settings import EngineSettings
from tunesmith.training.optimize.timing import latencies
from tunesmith.training.optimize.verify import BATCHES, compare, require_agreement
from tunesmith.training.run import Run
from tunesmith.training.verbs.job import Job, open_job
from tunesmith.training.verbs.parents import Opened, fetch_model, opened
from tunesmith.training.verbs.predicting import measure_some

_MOST_MEASURED = 2000


def gen_trt_engine(run: Run) -> dict[str, Any]:
    """Build the engine, run it beside the graph, and write down how they differ.

    Returns:
        engine (what runs it), precision, computes_in, built_on, batches, max_abs_diff, latency in
        milliseconds and, where labelled data is at hand, accuracy: both of the graph and of the engine.

    Raises:
        StoppedError: asked to stop.
        JobError: the engine cannot be built, or it does not compute what the graph does.
        SpecError, StorageError: the job cannot go on.
    """
    started = time.monotonic()
    job = open_job(run)
    settings = EngineSettings.of(job.spec)
    kind = choose_kind(settings.runtime)
    path = fetch_model(run)
    if path.suffix != ".onnx":
        raise JobError(
            Cause.PARENT,
            f"The parent job left {path.name}, but gen_trt_engine needs an ONNX graph.",
            "Post it with a finished export job as its parent.",
        )
    graph = OnnxModel(path, torch.get_num_threads())
    calibration = list(_calibration(job, graph, path, settings)) if settings.precision == "int8" else []
    run.raise_if_stopped()
    run.results.mkdir(parents=True, exist_ok=True)
    target = run.results / settings.engine_file
    timings = earlier_timings(run, settings.timing_cache)
    build = Build(path, graph, settings, calibration, run.scratch / "engine", run.note, timings)
    facts = build_engine(kind, build, target)
    if kind is not Kind.TENSORRT:
        run.note(f"{target.name} is an engine of {kind.maker}, not of TensorRT: tunesmith runs it.")
    run.raise_if_stopped()
    engine = open_engine(target, torch.get_num_threads())
    size = target.stat().st_size
    figures = _figures(job, facts, graph, engine, path) | {"megabytes": round(size / 1e6, 3)}
    (run.results / FACTS).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    for line in _lines(figures, target.name):
        log(line)
    return figures | {"seconds": round(time.monotonic() - started, 3)}


def earlier_timings(run: Run, key: str) -> bytes:
    """The timings in a file of the workspace, such as an earlier job has left; none where there is no file.

    Raises:
        StoppedError: asked to stop meanwhile.
        StorageError: the workspace cannot be read, or the key is none.
    """
    if not key or run.request.results is None:
        return b""
    files = run.files(Location(store=run.request.results.location.store))
    target = run.scratch / "timings"
    if not run.interruptible(lambda: files.exists(key)):
        return b""
    run.interruptible(lambda: files.download(key, target))
    return target.read_bytes()


def _calibration(job: Job, graph: OnnxModel, path: Path, settings: EngineSettings) -> Iterator[Tensor]:
    """Inputs that set the ranges: of the calibration dataset, else of the training datasets.

    Raises:
        JobError: there are none.
    """
    dataset = _looked_at(job)
    if dataset is None:
        raise JobError(
            Cause.BAD_DATA,
            "An int8 engine takes its ranges from images, and the job has no dataset.",
            "Attach a calibration_dataset or train_datasets to the experiment, or build in fp16.",
        )
    count = 0
    for inputs in _inputs(job, graph, path, settings.calibration_images, settings.calibration_batch):
        job.run.raise_if_stopped()
        count += len(inputs)
        yield inputs
    job.run.note(f"{count} images of {dataset.name} set the ranges of the int8 engine.")


def _looked_at(job: Job) -> DatasetInput | None:
    request = job.run.request
    return request.calibration_dataset or next(iter(request.train_datasets), None)


def _inputs(job: Job, graph: OnnxModel, path: Path, most: int, batch_size: int) -> Iterator[Tensor]:
    """Real inputs, at most so many, in batches; images that cannot be read are left out."""
    looking = replace(job, run=job.run.reading(inference_dataset=_looked_at(job)))
    task = opened(looking, graph, path).task
    source = Some(task.inference(job.spec).source, most)
    for batch in Loader(source, Order(len(source), batch_size)).epoch():
        inputs = task.inputs(batch)
        if len(inputs):
            yield inputs


def _examples(job: Job, graph: OnnxModel, path: Path, count: int) -> Tensor:
    """Inputs to compare with: real ones if a dataset is here, else random ones."""
    real = [*_inputs(job, graph, path, count, count)] if _looked_at(job) else []
    shape = tuple(size or 1 for size in graph.shape)
    noise = torch.randn((count, *shape), generator=torch.Generator().manual_seed(0))
    return torch.cat([*real, noise])[:count]


def _figures(
    job: Job, facts: EngineFacts, graph: OnnxModel, engine: GraphModel, path: Path
) -> dict[str, Any]:
    """What the engine is, and how it does beside the graph."""
    model = opened(job, engine, path)
    inputs = _examples(job, graph, path, max(BATCHES))
    differences = compare(graph.run, engine, [inputs[:size] for size in BATCHES])
    if facts.precision == "fp32":
        require_agreement(differences, "engine", "graph")
    smallest = inputs[:1].expand(engine.batches.smallest, *inputs.shape[1:]).contiguous()
    times = latencies([lambda: graph.run(smallest), lambda: engine.run(smallest)])
    return {
        "engine": facts.kind.maker,
        "version": facts.version,
        "precision": facts.precision,
        "computes_in": facts.computes_in,
        "built_on": facts.built_on,
        "batches": [facts.batches.smallest, facts.batches.largest],
        "max_abs_diff": max(one.largest for one in differences),
        "differences": [one.figures() for one in differences],
        "latency_ms": {
            "batch": len(smallest),
            graph.label: round(1e3 * times[0], 3),
            engine.label: round(1e3 * times[1], 3),
        },
        "accuracy": _accuracies(job, [opened(job, graph, path), model]),
        "metadata": {name: text for name, text in facts.metadata.items() if name not in (SPEC, CLASSES)},
    }


def _accuracies(job: Job, models: Sequence[Opened]) -> dict[str, dict[str, float]]:
    """The metrics of each model on the same labelled samples; none where no labels are at hand."""
    found = {}
    for model in models:
        try:
            work = model.task.evaluation(job.spec)
        except DatasetError as error:
            job.run.note(f"What the engine costs in accuracy is not measured: {error}")
            return {}
        measured = measure_some(job.run, model, work, _MOST_MEASURED)
        found[model.engine] = measured.named()
    return found


def _lines(figures: dict[str, Any], file: str) -> Iterator[str]:
    yield (
        f"{file}: {figures['engine']} in {figures['precision']}, {figures['megabytes']:.1f} MB; "
        f"it differs from the graph by {figures['max_abs_diff']:.2g} at most"
    )
    shown = "  ".join(f"{name} {value}" for name, value in figures["latency_ms"].items())
    yield f"latency in ms: {shown}"
    for name, values in figures["accuracy"].items():
        yield f"{name}: " + "  ".join(f"{metric} {value:.4g}" for metric, value in values.items())
