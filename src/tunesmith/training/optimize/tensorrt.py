"""TensorRT, the engine for NVIDIA's GPUs: builds engines from ONNX graphs and runs them.

The package `tensorrt` and a GPU are needed; nothing here is imported where they are not.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.engine_files import EngineFacts
from tunesmith.training.optimize.graphs import Batches, unpacked
from tunesmith.training.optimize.settings import EngineSettings


def build_plan(
    graph: Path,
    target: Path,
    settings: EngineSettings,
    batches: Batches,
    note: Callable[[str], None],
    timings: bytes = b"",
) -> str:
    """Build an engine and write it as TensorRT's plan.

    Args:
        graph: the ONNX file; for int8, a quantised one with symmetric ranges.
        target: the file to write.
        settings: of the spec.
        batches: the sizes that the engine is to take.
        note: tells the user what differs from the request.
        timings: of an earlier build; with settings.timing_cache, they are written beside the engine.

    Returns:
        TensorRT's version.

    Raises:
        JobError: TensorRT cannot build it.
    """
    trt = cast("Any", import_module("tensorrt"))
    logger = trt.Logger(trt.Logger.VERBOSE if settings.verbose else trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(graph)):
        reasons = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise JobError(Cause.PARENT, f"TensorRT cannot read {graph.name}: {reasons}")
    config = builder.create_builder_config()
    if settings.workspace_mib:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace_mib << 20)
    for name in _flags(settings):
        config.set_flag(getattr(trt.BuilderFlag, name))
    if settings.timing_cache:
        config.set_timing_cache(config.create_timing_cache(timings), ignore_mismatch=False)
    _set_layers(trt, network, settings.layers, note)
    sources = [network.get_input(index) for index in range(network.num_inputs)]
    if -1 in tuple(sources[0].shape)[:1]:
        profile = builder.create_optimization_profile()
        sizes = (batches.smallest, settings.best_batch, batches.largest or settings.largest_batch)
        for source in sources:
            profile.set_shape(source.name, *((size, *tuple(source.shape)[1:]) for size in sizes))
        config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise JobError(
            Cause.PARENT,
            f"TensorRT could not build an engine from {graph.name}; the log says why.",
            "Give gen_trt_engine.tensorrt.workspace_size more memory, or build in fp32.",
        )
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(plan)
    part.replace(target)
    if settings.timing_cache:
        found = bytes(config.get_timing_cache().serialize())
        target.with_name(Path(settings.timing_cache).name).write_bytes(found)
    return str(trt.__version__)


class TensorRtModel:
    """An engine on the GPU.

    Attributes:
        label: what computes it, for people.
        metadata: as the export wrote them.
        outputs: the names of its outputs.
        batches: the batch sizes that it takes.
    """

    def __init__(self, path: Path, facts: EngineFacts) -> None:
        """Load an engine.

        Raises:
            JobError: it was built by another version or for another GPU, or there is no TensorRT here.
        """
        try:
            trt = cast("Any", import_module("tensorrt"))
        except ModuleNotFoundError as error:
            raise _unusable(path, "the package tensorrt is not installed here") from error
        self._trt = trt
        engine = trt.Runtime(trt.Logger(trt.Logger.WARNING)).deserialize_cuda_engine(path.read_bytes())
        if engine is None:
            raise _unusable(path, f"it was built by TensorRT {facts.version} on {facts.built_on}")
        self._context = engine.create_execution_context()
        self._input, *_ = (
            name for name in _tensors(engine) if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        )
        self.label, self.metadata = facts.label, facts.metadata
        self._companions = unpacked(facts.metadata)
        self.outputs, self.batches = facts.outputs, facts.batches

    def run(self, inputs: Tensor, companions: Mapping[str, Tensor] | None = None) -> list[Tensor]:
        """The outputs for a batch of any size."""
        beside = self._companions | dict(companions or {})
        return self.batches.run(inputs.float(), partial(self._compute, beside))

    def _compute(self, companions: Mapping[str, Tensor], part: Tensor) -> list[Tensor]:
        beside = {name: one.expand(len(part), *one.shape[1:]) for name, one in companions.items()}
        given = {name: one.contiguous().cuda() for name, one in ({self._input: part} | beside).items()}
        for name, one in given.items():
            self._context.set_input_shape(name, tuple(one.shape))
            self._context.set_tensor_address(name, one.data_ptr())
        found = [
            torch.empty(tuple(self._context.get_tensor_shape(name)), device="cuda") for name in self.outputs
        ]
        for name, output in zip(self.outputs, found, strict=True):
            self._context.set_tensor_address(name, output.data_ptr())
        stream = torch.cuda.current_stream()
        self._context.execute_async_v3(stream.cuda_stream)
        stream.synchronize()
        return [output.cpu() for output in found]


def _flags(settings: EngineSettings) -> Sequence[str]:
    """The number formats that TensorRT may choose among, beside fp32."""
    formats = {"fp32": (), "fp16": ("FP16",), "bf16": ("BF16",), "int8": ("INT8", "FP16")}[settings.precision]
    return (*formats, "OBEY_PRECISION_CONSTRAINTS") if settings.layers else formats


def _set_layers(trt: Any, network: Any, layers: Mapping[str, str], note: Callable[[str], None]) -> None:
    """Give single layers the precision that the spec asks for."""
    formats = {"fp32": trt.float32, "fp16": trt.float16, "bf16": trt.bfloat16, "int8": trt.int8}
    left = dict(layers)
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.name in left:
            layer.precision = formats[left.pop(layer.name)]
    if left:
        note(f"gen_trt_engine.tensorrt.layers_precision names layers that there are not: {', '.join(left)}.")


def _tensors(engine: Any) -> list[str]:
    return [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]


def _unusable(path: Path, reason: str) -> JobError:
    return JobError(
        Cause.PARENT,
        f"{path.name} cannot run here: {reason}.",
        "Run gen_trt_engine on the machine that is to use the engine.",
    )
