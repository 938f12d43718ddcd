"""Engines: made for this machine, named for what they are, and as good as the graph they were made of."""

import json
import zipfile

import pytest
from tests.training.jobs import SMALL, Bench, Finished

from tunesmith.protocol import DatasetInput
from tunesmith.specs import SpecError
from tunesmith.training.failures import JobError
from tunesmith.training.verbs.gen_trt_engine import earlier_timings

BATCH = "gen_trt_engine.tensorrt.max_batch_size"
TYPE = "gen_trt_engine.tensorrt.data_type"


@pytest.fixture(scope="module")
def exported(bench: Bench, digits: DatasetInput, trained: Finished) -> Finished:
    return bench.run("export", SMALL, parent=trained.parent("model_best.pth"), train_datasets=(digits,))


@pytest.fixture(scope="module")
def build(bench: Bench, digits: DatasetInput, exported: Finished):
    def built(data_type: str, runtime: str = "auto", **datasets) -> Finished:
        specs = SMALL | {TYPE: data_type, BATCH: 16, "gen_trt_engine.runtime": runtime}
        datasets = datasets or {"calibration_dataset": digits, "eval_dataset": digits}
        return bench.run("gen_trt_engine", specs, parent=exported.parent("model.onnx"), **datasets)

    return built


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("data_type", ["fp32", "FP16", "int8"])
def test_an_engine_is_as_good_as_its_graph(build, bench, digits, runtime, data_type):
    job = build(data_type, runtime)
    before, after = (values["val_acc_1"] for values in job.outcome["accuracy"].values())
    assert after >= before - 0.02
    assert job.outcome["max_abs_diff"] < {"fp32": 1e-3, "FP16": 0.5, "int8": 3}[data_type]
    evaluated = bench.run("evaluate", SMALL, parent=job.parent("model.engine"), eval_dataset=digits)
    assert evaluated.outcome["metrics"]["val_acc_1"] == after
    maker = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}[runtime]
    assert evaluated.outcome["engine"] == f"{maker} in {data_type.lower()}"
    assert any(f"an engine of {maker}, not of TensorRT" in note for note in job.notes)


def test_the_file_says_what_it_is(build):
    job = build("int8")
    with zipfile.ZipFile(job.results / "model.engine") as archive:
        facts = json.loads(archive.read("engine.json"))
        assert set(archive.namelist()) == {"engine.json", "model.xml", "model.bin"}
    assert (facts["engine"], facts["precision"], facts["batches"]) == (
        "OpenVINO",
        "int8",
        {"smallest": 1, "largest": 16},
    )
    assert json.loads(facts["metadata"]["classes"]) == list("0123456789")
    told = json.loads((job.results / "engine.json").read_text())
    assert (told["engine"], told["precision"]) == ("OpenVINO", "int8")
    assert set(told["latency_ms"]) == {"batch", "ONNX Runtime", "OpenVINO in int8"}


def test_an_int8_engine_holds_8_bit_weights_and_its_ranges(build, exported):
    job, plain = build("int8"), build("fp32")
    assert (job.results / "model.engine").stat().st_size < 0.5 * (
        plain.results / "model.engine"
    ).stat().st_size
    ranges = json.loads((job.results / "calibration.json").read_text())
    low, high = ranges["input_1"]["low"], ranges["input_1"]["high"]
    assert -3 < low < -1.5 < 1.5 < high < 3.5  # normalised black and white


def test_the_training_images_calibrate_where_there_are_no_others(build, digits):
    job = build("int8", train_datasets=(digits,))
    assert any("100 images of digits set the ranges" in note for note in job.notes)
    assert job.outcome["accuracy"]  # by the validation images of the training dataset


def test_no_image_no_int8_and_no_labels_no_accuracy(build, digits):
    with pytest.raises(JobError, match="takes its ranges from images"):
        build("int8", inference_dataset=None)
    job = build("fp32", inference_dataset=None)
    assert job.outcome["accuracy"] == {}
    assert any("is not measured" in note for note in job.notes)


def test_an_engine_of_one_batch_size_predicts_any_number_of_images(build, bench, digits, exported):
    specs = SMALL | {TYPE: "fp32", "gen_trt_engine.batch_size": 7}
    job = bench.run("gen_trt_engine", specs, parent=exported.parent("model.onnx"), eval_dataset=digits)
    assert job.outcome["batches"] == [7, 7]
    predicted = bench.run("inference", SMALL, parent=job.parent("model.engine"), inference_dataset=digits)
    assert predicted.outcome["accuracy"] > 0.8
    assert predicted.outcome["engine"] == "OpenVINO in fp32"


def test_the_batch_of_the_graph_is_that_of_the_engine(bench, digits, trained):
    specs = SMALL | {"export.batch_size": 4}
    fixed = bench.run("export", specs, parent=trained.parent("model_best.pth"))
    job = bench.run("gen_trt_engine", SMALL | {TYPE: "fp32"}, parent=fixed.parent("model.onnx"))
    assert job.outcome["batches"] == [4, 4]
    assert any("exported with a batch of 4" in note for note in job.notes)


def test_what_is_tensorrts_alone_is_said(bench, exported):
    specs = SMALL | {
        TYPE: "fp32",
        "gen_trt_engine.tensorrt.workspace_size": 64,
        "gen_trt_engine.timing_cache": "engines/timings",
        "gen_trt_engine.verbose": True,
    }
    job = bench.run("gen_trt_engine", specs, parent=exported.parent("model.onnx"))
    assert any(
        "mean nothing to OpenVINO: gen_trt_engine.tensorrt.workspace_size, gen_trt_engine.timing_cache"
        in note
        for note in job.notes
    )


def test_timings_come_from_the_workspace(bench):
    run = bench.prepare("gen_trt_engine", SMALL)
    assert earlier_timings(run, "engines/timings") == b""
    kept = bench.workspace.path / "engines" / "timings"
    kept.parent.mkdir()
    kept.write_bytes(b"of an earlier job")
    assert earlier_timings(run, "engines/timings") == b"of an earlier job"
    assert earlier_timings(run, "") == b""


def test_layers_can_be_spared_from_quantisation(bench, digits, exported):
    specs = SMALL | {
        TYPE: "int8",
        "gen_trt_engine.tensorrt.layers_precision": ["*:fp32"],
        "gen_trt_engine.trt_engine": "/workspace/small.engine",
        "gen_trt_engine.tensorrt.calibration.cal_cache_file": "ranges",
    }
    job = bench.run("gen_trt_engine", specs, parent=exported.parent("model.onnx"), calibration_dataset=digits)
    assert sorted(path.name for path in job.results.iterdir() if path.is_file()) == [
        "engine.json",
        "ranges.json",
        "small.engine",
    ]
    assert json.loads((job.results / "ranges.json").read_text()) == {}
    assert job.outcome["max_abs_diff"] < 0.5


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({TYPE: "fp8"}, "must be one of fp32, fp16, bf16, int8"),
        ({"gen_trt_engine.tensorrt.min_batch_size": 4}, "must be at least 1 and rise"),
        ({"gen_trt_engine.batch_size": 0}, "must be -1"),
        ({"gen_trt_engine.tensorrt.layers_precision": ["conv"]}, "LAYER:PRECISION"),
    ],
)
def test_what_cannot_be_built_is_refused(bench, exported, keys, message):
    with pytest.raises(SpecError, match=message):
        bench.run("gen_trt_engine", SMALL | keys, parent=exported.parent("model.onnx"))


def test_tensorrt_is_refused_where_it_is_not(bench, exported, trained):
    specs = SMALL | {"gen_trt_engine.runtime": "tensorrt"}
    with pytest.raises(JobError, match=r"runtime is tensorrt, but"):
        bench.run("gen_trt_engine", specs, parent=exported.parent("model.onnx"))
    with pytest.raises(JobError, match="needs an ONNX graph"):
        bench.run("gen_trt_engine", SMALL, parent=trained.parent("model_best.pth"))


def test_a_damaged_engine_is_told_from_a_whole_one(bench, digits, build):
    job = build("fp32")
    whole = (job.results / "model.engine").read_bytes()
    request = job.run.request
    (bench.workspace.path / request.results.location.prefix / "model.engine").write_bytes(whole[:-100])
    with pytest.raises(JobError, match="no whole engine made by tunesmith"):
        bench.run("evaluate", SMALL, parent=job.parent("model.engine"), eval_dataset=digits)
