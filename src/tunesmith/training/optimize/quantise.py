"""Turns a graph into one of 8-bit numbers, whose ranges come from looking at real inputs.

Every runtime here reads the result: the graph keeps its operations and says in between how numbers are
rounded (QuantizeLinear and DequantizeLinear of ONNX).
"""

import fnmatch
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor

# What costs time. Boxes, norms and softmax need their precision, and cost little.
_QUANTISED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_LEAST_OPSET = 13  # ranges for each channel of a weight


def quantise(
    graph: Path, target: Path, batches: Iterable[Tensor], *, symmetric: bool, spared: Sequence[str] = ()
) -> dict[str, tuple[float, float]]:
    """Write the quantised graph.

    Weights get a range for each output channel, other numbers one for each tensor: the smallest and the
    largest value that was seen.

    Args:
        graph: the ONNX file.
        target: the file to write, in a folder of its own.
        batches: inputs (batch, ...), as the graph takes them.
        symmetric: ranges with 0 in the middle, as TensorRT wants them.
        spared: names or patterns of operations that stay as they are.

    Returns:
        The range of each tensor by name.
    """
    ready = target.with_name(f"ready_{target.name}")
    large = graph.with_name(f"{graph.name}.data").exists()  # weights of more than 2 GB lie beside the graph
    quant_pre_process(
        str(_with_ranges_by_channel(graph, target)),
        str(ready),
        skip_symbolic_shape=True,
        save_as_external_data=large,
    )
    model = onnx.load(ready, load_external_data=False)
    name = model.graph.input[0].name
    left = [node.name for node in model.graph.node if any(fnmatch.fnmatch(node.name, one) for one in spared)]
    quantize_static(
        str(ready),
        str(target),
        _Reader(name, batches),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(_QUANTISED),
        per_channel=True,
        activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=left,
        use_external_data_format=large,
        extra_options={"ActivationSymmetric": symmetric, "MatMulConstBOnly": True},
    )
    ready.unlink()
    return dict(_ranges(onnx.load(target, load_external_data=False)))


def write_ranges(ranges: dict[str, tuple[float, float]], path: Path) -> None:
    """Write the ranges for people, as JSON."""
    table = {name: {"low": low, "high": high} for name, (low, high) in ranges.items()}
    path.write_text(json.dumps(table, indent=1), encoding="utf-8")


class _Reader(CalibrationDataReader):  # type: ignore[misc] # the package has no types
    def __init__(self, name: str, batches: Iterable[Tensor]) -> None:
        self._batches = ({name: np.ascontiguousarray(batch.float().numpy())} for batch in batches)

    def get_next(self) -> dict[str, Any] | None:
        """The next inputs; None at the end."""
        return next(self._batches, None)


def _with_ranges_by_channel(graph: Path, target: Path) -> Path:
    """The graph in an operator set that knows ranges by channel."""
    model = onnx.load(graph, load_external_data=False)
    if next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")) >= _LEAST_OPSET:
        return graph
    newer = target.with_name(f"newer_{target.name}")
    onnx.save_model(onnx.version_converter.convert_version(onnx.load(graph), _LEAST_OPSET), newer)
    return newer


def _ranges(model: onnx.ModelProto) -> Iterator[tuple[str, tuple[float, float]]]:
    """The range of each tensor that is rounded on the way, from its scale and its zero."""
    known = {one.name: one for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear" or node.input[1] not in known:
            continue
        scale = float(numpy_helper.to_array(known[node.input[1]]))
        zero = numpy_helper.to_array(known[node.input[2]])
        least, most = np.iinfo(zero.dtype).min, np.iinfo(zero.dtype).max
        yield node.input[0], (scale * (least - int(zero)), scale * (most - int(zero)))
