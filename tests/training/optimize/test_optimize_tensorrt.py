"""TensorRT up to its builder: what is asked of it, recorded by a stand-in for the package."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from tunesmith.training.failures import JobError
from tunesmith.training.optimize.engine_files import EngineFacts, Kind
from tunesmith.training.optimize.graphs import Batches
from tunesmith.training.optimize.settings import EngineSettings
from tunesmith.training.optimize.tensorrt import TensorRtModel, build_plan


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    package = MagicMock()
    package.__version__ = "10.13.0"
    builder = package.Builder.return_value
    builder.build_serialized_network.return_value = b"a plan"
    network = builder.create_network.return_value
    network.get_input.return_value = SimpleNamespace(name="input_1", shape=(-1, 3, 32, 32))
    layers = [SimpleNamespace(name="conv", precision=None), SimpleNamespace(name="fc", precision=None)]
    network.num_layers = len(layers)
    network.get_layer.side_effect = layers.__getitem__
    network.layers = layers
    monkeypatch.setitem(sys.modules, "tensorrt", package)
    return package


def build(tmp_path: Path, timings: bytes = b"", **settings: Any) -> list[str]:
    notes: list[str] = []
    plain = EngineSettings("fp32", best_batch=4, workspace_mib=64)
    given = replace(plain, **settings)
    version = build_plan(
        tmp_path / "model.onnx", tmp_path / "model.engine", given, Batches(1, 8), notes.append, timings
    )
    assert version == "10.13.0"
    return notes


def test_the_builder_is_asked_for_what_the_spec_says(trt, tmp_path):
    build(tmp_path)
    assert (tmp_path / "model.engine").read_bytes() == b"a plan"
    builder = trt.Builder.return_value
    config = builder.create_builder_config.return_value
    config.set_memory_pool_limit.assert_called_once_with(trt.MemoryPoolType.WORKSPACE, 64 << 20)
    builder.create_optimization_profile.return_value.set_shape.assert_called_once_with(
        "input_1", (1, 3, 32, 32), (4, 3, 32, 32), (8, 3, 32, 32)
    )
    config.set_flag.assert_not_called()


def test_timings_are_taken_up_and_kept(trt, tmp_path):
    config = trt.Builder.return_value.create_builder_config.return_value
    config.get_timing_cache.return_value.serialize.return_value = memoryview(b"old and new")
    build(tmp_path)
    config.set_timing_cache.assert_not_called()
    build(tmp_path, timings=b"old", timing_cache="engines/timings.bin")
    config.create_timing_cache.assert_called_once_with(b"old")
    config.set_timing_cache.assert_called_once_with(
        config.create_timing_cache.return_value, ignore_mismatch=False
    )
    assert (tmp_path / "timings.bin").read_bytes() == b"old and new"


@pytest.mark.parametrize(("precision", "flags"), [("fp16", ["FP16"]), ("int8", ["INT8", "FP16"])])
def test_a_number_format_is_a_flag(trt, tmp_path, precision, flags):
    build(tmp_path, precision=precision)
    config = trt.Builder.return_value.create_builder_config.return_value
    asked = [call.args[0] for call in config.set_flag.call_args_list]
    assert asked == [getattr(trt.BuilderFlag, name) for name in flags]


def test_single_layers_have_their_own_format(trt, tmp_path):
    notes = build(tmp_path, precision="fp16", layers={"fc": "fp32", "gone": "fp32"})
    conv, fc = trt.Builder.return_value.create_network.return_value.layers
    assert (conv.precision, fc.precision) == (None, trt.float32)
    assert "layers that there are not: gone" in notes[0]


def test_what_tensorrt_refuses_is_said(trt, tmp_path):
    parser = trt.OnnxParser.return_value
    parser.parse_from_file.return_value = False
    parser.num_errors, parser.get_error.side_effect = 1, ["no importer for Foo"].__getitem__
    with pytest.raises(JobError, match=r"cannot read model\.onnx: no importer for Foo"):
        build(tmp_path)
    parser.parse_from_file.return_value = True
    trt.Builder.return_value.build_serialized_network.return_value = None
    with pytest.raises(JobError, match="could not build an engine"):
        build(tmp_path)
    assert not (tmp_path / "model.engine").exists()


def test_an_engine_of_another_machine_is_refused(trt, tmp_path):
    trt.Runtime.return_value.deserialize_cuda_engine.return_value = None
    path = tmp_path / "model.engine"
    path.write_bytes(b"a plan")
    facts = EngineFacts(Kind.TENSORRT, "10.0", "fp16", "fp16", Batches(1, 1), ("logits",), "another GPU")
    with pytest.raises(JobError, match=r"built by TensorRT 10\.0 on another GPU"):
        TensorRtModel(path, facts)
