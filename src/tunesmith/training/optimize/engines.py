"""Builds and opens engines: TensorRT's for GPUs, OpenVINO's for processors, ONNX Runtime's for any."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from tunesmith.protocol import Cause
from tunesmith.training.engine.log import log
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.engine_files import BESIDE, EngineFacts, Kind, pack, unpack
from tunesmith.training.optimize.graphs import Batches, GraphModel
from tunesmith.training.optimize.onnx_runtime import OnnxModel
from tunesmith.training.optimize.quantise import quantise, write_ranges
from tunesmith.training.optimize.settings import EngineSettings

_PACKAGES = {Kind.TENSORRT: "tensorrt", Kind.OPENVINO: "openvino", Kind.ONNXRUNTIME: "onnxruntime"}


@dataclass(frozen=True)
class Build:
    """What an engine is built from.

    Attributes:
        graph: the exported ONNX file.
        source: the same, opened.
        settings: of the spec.
        calibration: inputs that set the ranges of int8; none for other formats.
        scratch: a folder for what nobody keeps.
        note: tells the user what differs from the request.
        timings: what an earlier build found out about the speed of TensorRT's kernels.
    """

    graph: Path
    source: OnnxModel
    settings: EngineSettings
    calibration: Sequence[Tensor]
    scratch: Path
    note: Callable[[str], None]
    timings: bytes = b""


def choose_kind(asked: str) -> Kind:
    """The kind of engine that is built here.

    Raises:
        JobError: the kind that is asked for cannot be built here.
    """
    if asked == "auto":
        return next(kind for kind in Kind if _lack(kind) is None)
    kind = Kind(asked)
    if lack := _lack(kind):
        raise JobError(
            Cause.BAD_SPEC,
            f"gen_trt_engine.runtime is {asked}, but {lack}.",
            "Leave gen_trt_engine.runtime at auto, or let the operator install what is missing.",
        )
    return kind


def build_engine(kind: Kind, build: Build, target: Path) -> EngineFacts:
    """Build an engine and write it to a file; for TensorRT, its facts go to a file beside it.

    Raises:
        JobError: the runtime cannot take the graph.
    """
    build.scratch.mkdir(parents=True, exist_ok=True)
    batches = _batches(build)
    graph = build.graph
    if build.settings.precision == "int8":
        graph = build.scratch / "quantised.onnx"
        # TensorRT's layers are named after the graph's operations, so they can be spared by name.
        spared = [name for name, precision in build.settings.layers.items() if precision != "int8"]
        symmetric = kind is Kind.TENSORRT
        ranges = quantise(build.graph, graph, build.calibration, symmetric=symmetric, spared=spared)
        write_ranges(ranges, target.with_name(build.settings.ranges_file))
    match kind:
        case Kind.TENSORRT:
            return _tensorrt(build, graph, batches, target)
        case Kind.OPENVINO:
            return _openvino(build, graph, batches, target)
        case Kind.ONNXRUNTIME:
            return _onnxruntime(build, graph, batches, target)


def open_engine(path: Path, threads: int) -> GraphModel:
    """An engine, ready to run.

    Raises:
        JobError: it is no engine of tunesmith's, or cannot run here.
    """
    facts, file = unpack(path)
    if (lack := _lack(facts.kind)) is not None:
        raise JobError(
            Cause.PARENT,
            f"{path.name} is an engine of {facts.kind.maker}, but {lack}.",
            "Run gen_trt_engine again on this machine.",
        )
    match facts.kind:
        case Kind.TENSORRT:
            from tunesmith.training.optimize.tensorrt import TensorRtModel

            return TensorRtModel(file, facts)
        case Kind.OPENVINO:
            from tunesmith.training.optimize.openvino_runtime import OpenVinoModel

            return OpenVinoModel(file, threads, facts.computes_in, facts.metadata, facts.label)
        case Kind.ONNXRUNTIME:
            return OnnxModel(file, threads, facts.label, facts.batches)


def _lack(kind: Kind) -> str | None:
    """Why there can be no engine of a kind here; None if there can."""
    if find_spec(_PACKAGES[kind]) is None:
        return f"the package {_PACKAGES[kind]} is not installed here"
    if kind is Kind.TENSORRT and not torch.cuda.is_available():
        return "TensorRT needs an NVIDIA GPU, and there is none here"
    return None


def _batches(build: Build) -> Batches:
    """The batch sizes of the engine: those asked for, or the only one that the graph takes."""
    settings, fixed = build.settings, build.source.batches.fixed
    asked = settings.fixed_batch
    wanted = Batches(asked or settings.smallest_batch, asked or settings.largest_batch)
    if fixed is None:
        return wanted
    if wanted.fixed != fixed:
        build.note(f"The graph was exported with a batch of {fixed}, and so is the engine.")
    return Batches(fixed, fixed)


def _tensorrt(build: Build, graph: Path, batches: Batches, target: Path) -> EngineFacts:
    from tunesmith.training.optimize.tensorrt import build_plan

    version = build_plan(graph, target, build.settings, batches, build.note, build.timings)
    precision = build.settings.precision
    computes_in = "fp16" if precision == "int8" else precision
    facts = _facts(build, Kind.TENSORRT, version, computes_in, batches, torch.cuda.get_device_name())
    target.with_name(target.name + BESIDE).write_text(facts.dump(), encoding="utf-8")
    return facts


def _openvino(build: Build, graph: Path, batches: Batches, target: Path) -> EngineFacts:
    from openvino import __version__ as version

    from tunesmith.training.optimize.openvino_runtime import OpenVinoModel, native_half, write_openvino

    _tell_what_is_tensorrts(build, Kind.OPENVINO)
    half, precision = native_half(), build.settings.precision
    computes_in = "fp32" if precision == "fp32" else half or "fp32"
    if precision in {"fp16", "bf16"} and computes_in != precision:
        build.note(
            f"gen_trt_engine.tensorrt.data_type {precision}: this processor computes in {computes_in}; "
            "the engine's weights have 16 bits."
        )
    names = write_openvino(graph, build.scratch, batches, halve=precision in {"fp16", "bf16"})
    facts = _facts(build, Kind.OPENVINO, version, computes_in, batches, _processor(), names[0])
    pack(facts, build.scratch, names, target)
    if build.settings.verbose:
        file = build.scratch / names[0]
        model = OpenVinoModel(file, torch.get_num_threads(), computes_in, facts.metadata, facts.label)
        log(f"operations by number format: {model.formats()}")
    return facts


def _onnxruntime(build: Build, graph: Path, batches: Batches, target: Path) -> EngineFacts:
    from onnxruntime import __version__ as version

    _tell_what_is_tensorrts(build, Kind.ONNXRUNTIME)
    precision = build.settings.precision
    if precision in {"fp16", "bf16"}:
        build.note(
            f"gen_trt_engine.tensorrt.data_type {precision}: ONNX Runtime computes in fp32 on processors."
        )
    facts = _facts(build, Kind.ONNXRUNTIME, version, "fp32", batches, _processor(), graph.name)
    beside = f"{graph.name}.data"
    pack(facts, graph.parent, [graph.name, *([beside] if (graph.parent / beside).exists() else [])], target)
    return facts


def _tell_what_is_tensorrts(build: Build, kind: Kind) -> None:
    keys = [*build.settings.only_tensorrt]
    if build.settings.layers and build.settings.precision != "int8":
        keys.append("gen_trt_engine.tensorrt.layers_precision")
    if keys:
        build.note(f"These keys mean nothing to {kind.maker}: {', '.join(keys)}.")


def _facts(
    build: Build, kind: Kind, version: str, computes_in: str, batches: Batches, device: str, model: str = ""
) -> EngineFacts:
    return EngineFacts(
        kind=kind,
        version=version,
        precision=build.settings.precision,
        computes_in=computes_in,
        batches=batches,
        outputs=build.source.outputs,
        built_on=device,
        model=model,
        metadata=dict(build.source.metadata),
    )


def _processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()
