"""Writes a model as an ONNX graph."""

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import ModelProto, version_converter
from torch import nn
from torch._dynamo.exc import UserError
from torch.export import ExportedProgram
from torch.onnx import ONNXProgram

from tunesmith.protocol import Cause
from tunesmith.specs.blocks.actions import FormattedExport, OnnxExport
from tunesmith.training.engine.log import log
from tunesmith.training.failures import JobError
from tunesmith.training.optimize.graphs import packed
from tunesmith.training.tasks.base import ExportPlan

SPEC, CLASSES = "tunesmith.spec", "classes"
"""Names of the metadata that tell the spec and the classes, as JSON."""

_CHECKS = "TRANSFORMERS_DISABLE_TORCH_CHECK"
_NATIVE_OPSET = 18  # torch writes graphs of this operator set or a newer one
_MOST_BYTES = 1_900_000_000  # a larger graph is no protobuf message, and keeps its weights beside it


def facts(spec: Mapping[str, Any], classes: tuple[str, ...]) -> dict[str, str]:
    """The metadata from which a graph can be evaluated again."""
    return {SPEC: json.dumps(spec), CLASSES: json.dumps(list(classes))}


def write_graph(plan: ExportPlan, path: Path, spec: OnnxExport, note: Callable[[str], None]) -> int:
    """Export, with the metadata of the plan. Returns the operator set of the graph.

    Args:
        plan: what to export.
        path: the file to write; weights of more than 2 GB go to a second file beside it.
        spec: opset_version, batch_size (-1 leaves the batch open), verbose.
        note: tells the user what differs from the request.

    Raises:
        JobError: torch cannot express the model in ONNX.
    """
    if isinstance(spec, FormattedExport) and spec.format != "onnx":
        note(f"export.format {spec.format} is written as ONNX, which every runtime of today reads.")
    program = _exported(plan, max(spec.opset_version, _NATIVE_OPSET), open_batch=spec.batch_size == -1)
    program.model.metadata_props.update(plan.metadata | packed(plan.companions))
    program.model.producer_name = "tunesmith"
    weights = sum(value.numel() * value.element_size() for value in plan.module.state_dict().values())
    if weights > _MOST_BYTES:
        program.save(path, external_data=True)
        return _told_opset(spec, max(spec.opset_version, _NATIVE_OPSET), note)
    model = program.model_proto
    if spec.opset_version < _NATIVE_OPSET:
        model = _lowered(model, spec.opset_version) or model
    if spec.verbose:
        log(_nodes_as_text(model))
    onnx.save_model(model, path)
    return _told_opset(spec, _opset(model), note)


def _exported(plan: ExportPlan, opset: int, *, open_batch: bool) -> ONNXProgram:
    batch = {0: torch.export.Dim("batch", min=1)} if open_batch else {}
    given = plan.arguments(plan.example)
    try:
        with warnings.catch_warnings(), _without_checks():
            warnings.simplefilter("ignore")  # remarks on torch's own code
            program = torch.onnx.export(
                _traced(plan, batch) if open_batch else plan.module,
                given,
                input_names=[plan.input_name, *plan.companions],
                output_names=list(plan.output_names),
                dynamic_shapes=tuple(batch for _ in given),
                opset_version=opset,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        raise JobError(
            Cause.BAD_SPEC,
            f"torch cannot write this model as ONNX with export.opset_version {opset}: {reason}",
            "Try another export.opset_version, or another backbone.",
        ) from error
    assert program is not None  # noqa: S101 - the new exporter always returns one
    return program


def _traced(plan: ExportPlan, batch: dict[int, Any]) -> ExportedProgram | nn.Module:
    """The module as torch traces it with an open batch; itself where its own exporter is to find a way.

    Code that asks for the length of a tensor fixes it, unless it is read instead of run.
    """
    given = plan.arguments(plan.example)
    for strict in (False, True):
        try:
            with torch.no_grad():
                return torch.export.export(
                    plan.module, given, dynamic_shapes=tuple(batch for _ in given), strict=strict
                )
        except UserError:  # the batch was fixed
            continue
        except (RuntimeError, TypeError, ValueError, NotImplementedError):
            break
    return plan.module


@contextmanager
def _without_checks() -> Iterator[None]:
    """transformers checks shapes by operations that ONNX does not have; the graph is held against torch."""
    before = os.environ.get(_CHECKS)
    os.environ[_CHECKS] = "1"
    try:
        yield
    finally:
        del os.environ[_CHECKS]
        if before is not None:
            os.environ[_CHECKS] = before


def _lowered(model: ModelProto, opset: int) -> ModelProto | None:
    """The graph in an older operator set; None if ONNX's converter does not manage."""
    try:
        lowered = version_converter.convert_version(model, opset)
        _drop_newer_attributes(lowered)
        onnx.checker.check_model(lowered)
    except (RuntimeError, version_converter.ConvertError, onnx.checker.ValidationError):
        return None
    return lowered


def _drop_newer_attributes(model: ModelProto) -> None:
    """The converter leaves an attribute behind that old reductions do not know; it has no effect."""
    for node in model.graph.node:
        if node.op_type.startswith("Reduce"):
            kept = [one for one in node.attribute if one.name != "noop_with_empty_axes"]
            del node.attribute[:]
            node.attribute.extend(kept)


def _nodes_as_text(model: ModelProto) -> str:
    """The graph for people, without its weights."""
    graph = model.graph
    bare = onnx.helper.make_graph(graph.node, graph.name, list(graph.input), list(graph.output))
    return str(onnx.printer.to_text(bare))


def _opset(model: ModelProto) -> int:
    return next(int(one.version) for one in model.opset_import if one.domain in ("", "ai.onnx"))


def _told_opset(spec: OnnxExport, opset: int, note: Callable[[str], None]) -> int:
    if opset != spec.opset_version:
        note(f"The graph has operator set {opset}: this model cannot be written in {spec.opset_version}.")
    return opset
