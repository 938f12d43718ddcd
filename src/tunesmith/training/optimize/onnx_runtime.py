"""Runs exported graphs in ONNX Runtime."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from torch import Tensor

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.graphs import Batches, repeated, unpacked

# ONNX Runtime's errors have no class in common.
_UNUSABLE = (
    errors.Fail,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.NoSuchFile,
    errors.NotImplemented,
    errors.RuntimeException,
)


class OnnxModel:
    """A graph in ONNX Runtime, on the processor.

    Attributes:
        label: what computes it, for people.
        metadata: the graph's, as text by name.
        outputs: the names of its outputs.
        batches: the batch sizes that it takes.
        shape: of its input without the batch; None where a size is open.
    """

    def __init__(
        self, path: Path, threads: int, label: str = "ONNX Runtime", batches: Batches | None = None
    ) -> None:
        """Load a graph. `batches` limits the sizes that it gets.

        Raises:
            JobError: ONNX Runtime cannot run it.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Its threads would wait busily, on cores that others want.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except _UNUSABLE as error:
            raise JobError(Cause.PARENT, f"ONNX Runtime cannot run {path.name}: {error}") from error
        self.label = label
        self._input = self._session.get_inputs()[0]
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._companions = unpacked(self.metadata)
        self.outputs = tuple(output.name for output in self._session.get_outputs())
        sizes = [size if isinstance(size, int) else None for size in self._input.shape]
        self.batches = batches or Batches(sizes[0] or 1, sizes[0])
        self.shape: tuple[int | None, ...] = tuple(sizes[1:])

    def run(self, inputs: Tensor, companions: Mapping[str, Tensor] | None = None) -> list[Tensor]:
        """The outputs for a batch of any size; a graph of fixed batch gets it in padded parts."""
        beside = self._companions | dict(companions or {})
        return self.batches.run(inputs.float(), partial(self._compute, beside))

    def _compute(self, companions: Mapping[str, Tensor], part: Tensor) -> list[Tensor]:
        given = {self._input.name: np.ascontiguousarray(part.numpy()), **repeated(companions, len(part))}
        found = self._session.run(None, given)
        return [torch.from_numpy(output) for output in found]
