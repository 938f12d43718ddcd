"""OpenVINO, the engine for processors: writes models in its format and runs them."""

from collections import Counter
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from torch import Tensor

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.graphs import Batches, repeated, unpacked

MODEL, WEIGHTS = "model.xml", "model.bin"
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
_ABILITIES = {"fp16": "FP16", "bf16": "BF16"}


def native_half() -> str | None:
    """The 16-bit format that this processor computes in; None if it has none."""
    return next((name for name in ("fp16", "bf16") if _ABILITIES[name] in _abilities()), None)


def write_openvino(graph: Path, folder: Path, batches: Batches, *, halve: bool) -> tuple[str, ...]:
    """Write an ONNX graph in OpenVINO's own format, as `MODEL` and `WEIGHTS`.

    Args:
        graph: the ONNX file.
        folder: where to write.
        batches: the sizes that the model is to take; a fixed one lets OpenVINO plan its memory.
        halve: store weights in 16 bits.

    Returns:
        The names of the files.

    Raises:
        JobError: OpenVINO does not know an operation of the graph.
    """
    try:
        model = ov.Core().read_model(graph)
        shapes = {one: one.get_partial_shape() for one in model.inputs}
        if not shapes[model.inputs[0]][0].is_static:
            for shape in shapes.values():
                shape[0] = ov.Dimension(batches.smallest, -1 if batches.largest is None else batches.largest)
            model.reshape(shapes)
    except RuntimeError as error:
        raise _unusable(graph.name, error) from error
    ov.save_model(model, folder / MODEL, compress_to_fp16=halve)
    return MODEL, WEIGHTS


class OpenVinoModel:
    """A model in OpenVINO, on the processor.

    Attributes:
        label: what computes it, for people.
        metadata: as the export wrote them.
        outputs: the names of its outputs.
        batches: the batch sizes that it takes.
    """

    def __init__(
        self, path: Path, threads: int, precision: str, metadata: dict[str, str], label: str
    ) -> None:
        """Load a model.

        Args:
            path: the file `MODEL`, with `WEIGHTS` beside it; or an ONNX graph.
            threads: of the processor.
            precision: fp32, fp16 or bf16: what is computed in, where nothing is quantised.
            metadata: of the export.
            label: for people.

        Raises:
            JobError: OpenVINO cannot run it.
        """
        able = precision == "fp32" or _ABILITIES[precision] in _abilities()
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": _HINTS[precision if able else "fp32"],
            # Jobs that share a machine would be bound to the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            self._compiled = ov.Core().compile_model(path, "CPU", options)
        except RuntimeError as error:
            raise _unusable(path.name, error) from error
        self._request = self._compiled.create_infer_request()
        self.label, self.metadata = label, metadata
        self._companions = unpacked(metadata)
        self.outputs = tuple(output.get_any_name() for output in self._compiled.outputs)
        size = self._compiled.inputs[0].get_partial_shape()[0]
        limited = size.get_max_length() > 0
        self.batches = Batches(max(1, size.get_min_length()), size.get_max_length() if limited else None)

    def run(self, inputs: Tensor, companions: Mapping[str, Tensor] | None = None) -> list[Tensor]:
        """The outputs for a batch of any size."""
        beside = self._companions | dict(companions or {})
        return self.batches.run(inputs.float(), partial(self._compute, beside))

    def formats(self) -> dict[str, int]:
        """How many of the operations that run compute in each number format."""
        found = (node.get_rt_info() for node in self._compiled.get_runtime_model().get_ops())
        return dict(Counter(str(facts["runtimePrecision"].astype(str)) for facts in found))

    def _compute(self, companions: Mapping[str, Tensor], part: Tensor) -> list[Tensor]:
        given: dict[int | str, Any] = {0: np.ascontiguousarray(part.numpy())}
        found = self._request.infer(given | repeated(companions, len(part)), share_inputs=True)
        # The buffers are written anew by the next call.
        return [torch.from_numpy(np.array(found[output])) for output in self._compiled.outputs]


@cache
def _abilities() -> frozenset[str]:
    return frozenset(ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def _unusable(name: str, error: RuntimeError) -> JobError:
    reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
    return JobError(
        Cause.PARENT,
        f"OpenVINO cannot run {name}: {reason.strip()}",
        "Set gen_trt_engine.runtime to onnxruntime, or export with another export.opset_version.",
    )
