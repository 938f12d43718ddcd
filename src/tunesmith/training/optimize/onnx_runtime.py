"""Runs exported graphs."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from torch import Tensor

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError

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
    """A graph with one input in ONNX Runtime, on the processor.

    Attributes:
        metadata: the graph's, as text by name.
        outputs: the names of its outputs.
        batch_size: the batch that the graph is fixed to; None if it takes any.
    """

    def __init__(self, path: Path, threads: int) -> None:
        """Load a graph.

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
        self._input = self._session.get_inputs()[0]
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self.outputs = tuple(output.name for output in self._session.get_outputs())
        first = self._input.shape[0]
        self.batch_size: int | None = first if isinstance(first, int) else None

    def run(self, inputs: Tensor) -> list[Tensor]:
        """The outputs for a batch of any size; a graph of fixed batch gets it in padded parts."""
        size = self.batch_size or max(1, len(inputs))
        parts = [self._run(part, size) for part in torch.split(inputs.float(), size)]
        return [torch.cat(columns) for columns in zip(*parts, strict=True)]

    def _run(self, part: Tensor, size: int) -> list[Tensor]:
        count = len(part)
        if self.batch_size:
            part = torch.cat([part, part.new_zeros(size - count, *part.shape[1:])])
        found = self._session.run(None, {self._input.name: np.ascontiguousarray(part.numpy())})
        return [torch.from_numpy(output[:count]) for output in found]
