"""Export: the graph computes what the model does, says how to feed it, and can stand in for it."""

import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from PIL import Image
from tests.training.jobs import SMALL, Bench, Finished

from tunesmith.protocol import DatasetInput
from tunesmith.specs import SpecError
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError


@pytest.fixture(scope="module")
def exported(bench: Bench, digits: DatasetInput, trained: Finished) -> Finished:
    return bench.run("export", SMALL, parent=trained.parent("model_best.pth"), train_datasets=(digits,))


def session(job: Finished, name: str = "model.onnx") -> ort.InferenceSession:
    return ort.InferenceSession(str(job.results / name), providers=["CPUExecutionProvider"])


def test_the_graph_is_held_against_torch_at_two_batch_sizes(exported):
    figures = json.loads((exported.results / "export.json").read_text())
    pairs = {(one["output"], one["batch_size"]) for one in figures["differences"]}
    assert pairs == {("logits", 1), ("logits", 3), ("probs", 1), ("probs", 3)}
    assert 0 < exported.outcome["onnx_max_abs_diff"] < 1e-4


def test_the_graph_has_the_operator_set_asked_for_and_an_open_batch(exported):
    model = onnx.load(exported.results / "model.onnx")
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    assert exported.notes == []
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in shape] == ["batch", 3, 32, 32]


def test_an_image_fed_as_the_metadata_say_gives_the_checkpoints_answer(exported, trained, digits):
    graph = session(exported)
    facts = graph.get_modelmeta().custom_metadata_map
    path = next((digits.cache / "extracted").rglob("7/*.png"))
    image = Image.open(path).convert("RGB").resize((int(facts["input_width"]), int(facts["input_height"])))
    mean, std = (np.array(facts[name].split(), dtype=np.float32) for name in ("mean", "std"))
    pixels = ((np.asarray(image, dtype=np.float32) / 255 - mean) / std).transpose(2, 0, 1)[None]
    logits, probs = graph.run(["logits", "probs"], {"input_1": pixels})
    assert probs.sum() == pytest.approx(1, abs=1e-5)
    assert json.loads(facts["classes"])[int(probs.argmax())] == "7"
    assert facts["model_name"] == "digit reader"
    assert (exported.results / "labels.txt").read_text().split() == list("0123456789")
    assert logits.argmax() == probs.argmax()


def test_the_graph_evaluates_and_predicts_as_the_checkpoint_does(bench, digits, trained, exported):
    jobs = [
        bench.run("evaluate", SMALL, parent=parent, eval_dataset=digits)
        for parent in (exported.parent("model.onnx"), trained.parent("model_best.pth"))
    ]
    assert [job.outcome["engine"] for job in jobs] == ["ONNX Runtime", "torch"]
    assert jobs[0].outcome["metrics"] == pytest.approx(jobs[1].outcome["metrics"], abs=1e-4)


def test_a_fixed_batch_and_another_operator_set(bench, digits, trained):
    specs = SMALL | {"export.batch_size": 4, "export.opset_version": 20}
    job = bench.run("export", specs, parent=trained.parent("model_best.pth"), train_datasets=(digits,))
    graph = session(job)
    assert graph.get_inputs()[0].shape == [4, 3, 32, 32]
    assert job.outcome["opset"] == 20
    assert {one["batch_size"] for one in job.outcome["differences"]} == {4}
    # 100 images in batches of 4; predictions are in batches of 32, so the graph gets them in parts.
    evaluated = bench.run("evaluate", SMALL, parent=job.parent("model.onnx"), eval_dataset=digits)
    assert evaluated.outcome["metrics"]["val_acc_1"] == trained.outcome["metrics"]["val_acc_1"]


def test_an_operator_set_that_cannot_be_written_is_said(bench, trained):
    specs = SMALL | {"export.opset_version": 9}
    job = bench.run("export", specs, parent=trained.parent("model_best.pth"))
    assert job.outcome["opset"] == 18
    assert any("cannot be written in 9" in note for note in job.notes)


def test_a_grey_input_gives_what_the_grey_image_gives_in_colour(bench, digits, trained):
    specs = SMALL | {"export.input_channel": 1}
    job = bench.run("export", specs, parent=trained.parent("model_best.pth"), train_datasets=(digits,))
    assert session(job).get_inputs()[0].shape == ["batch", 1, 32, 32]
    evaluated = bench.run("evaluate", SMALL, parent=job.parent("model.onnx"), eval_dataset=digits)
    colour = bench.run("evaluate", SMALL, parent=trained.parent("model_best.pth"), eval_dataset=digits)
    assert evaluated.outcome["metrics"] == pytest.approx(colour.outcome["metrics"], abs=0.02)


def test_another_size_is_exported_where_the_backbone_takes_it(bench, trained):
    size = {"export.input_width": 64, "export.input_height": 48}
    specs = SMALL | size | {"export.onnx_file": "/workspace/wide"}
    job = bench.run("export", specs, parent=trained.parent("model_best.pth"))
    assert job.outcome["files"] == ["export.json", "labels.txt", "wide.onnx"]
    assert session(job, "wide.onnx").get_inputs()[0].shape == ["batch", 3, 48, 64]


def test_position_embeddings_are_interpolated_for_another_size(bench, digits):
    specs = SMALL | {"model.backbone.type": "test_vit"}
    vit = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    larger = specs | {"export.input_width": 64, "export.input_height": 64}
    job = bench.run("export", larger, parent=vit.parent("model_best.pth"))
    assert session(job).get_inputs()[0].shape == ["batch", 3, 64, 64]


def test_a_backbone_of_one_size_refuses_another(bench, digits):
    specs = SMALL | {"model.backbone.type": "gc_vit_xxtiny", "dataset.batch_size": 150}
    fixed = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    with pytest.raises(SpecError, match=r"export.input_height: must be left at its default"):
        bench.run("export", specs | {"export.input_height": 96}, parent=fixed.parent("model_best.pth"))


def test_a_graph_too_large_for_one_file_keeps_its_weights_beside_it(bench, digits, trained, monkeypatch):
    monkeypatch.setattr("tunesmith.training.optimize.onnx_export._MOST_BYTES", 1000)
    job = bench.run("export", SMALL, parent=trained.parent("model_best.pth"))
    assert job.outcome["files"] == ["export.json", "labels.txt", "model.onnx", "model.onnx.data"]
    assert (job.results / "model.onnx").stat().st_size < (job.results / "model.onnx.data").stat().st_size
    evaluated = bench.run("evaluate", SMALL, parent=job.parent("model.onnx"), eval_dataset=digits)
    assert evaluated.outcome["metrics"]["val_acc_1"] == trained.outcome["metrics"]["val_acc_1"]


def test_xdl_is_written_as_onnx_and_said_so(bench, trained, capsys):
    specs = SMALL | {"export.format": "xdl", "export.verbose": True}
    job = bench.run("export", specs, parent=trained.parent("model_best.pth"))
    assert any("xdl is written as ONNX" in note for note in job.notes)
    assert "Conv <" in capsys.readouterr().out  # verbose writes the graph to the log


def test_what_cannot_be_exported_is_refused(bench, trained, exported):
    with pytest.raises(JobError, match=r"export\.batch_size"):
        bench.run("export", SMALL | {"export.batch_size": 0}, parent=trained.parent("model_best.pth"))
    with pytest.raises(JobError, match="needs a checkpoint"):
        bench.run("export", SMALL, parent=exported.parent("model.onnx"))


def test_a_binary_head_has_one_output_and_exports_two_columns(bench, tmp_path):
    dataset = bench.dataset(two_digits(tmp_path), "two")
    specs = SMALL | {"model.head.binary": True, "train.num_epochs": 6}
    job = bench.run("train", specs, train_datasets=(dataset,), eval_dataset=dataset)
    assert job.outcome["best_metric"]["value"] > 0.9
    assert load_checkpoint(job.results / "model_best.pth")["model"]["net.fc.weight"].shape[0] == 1
    graph = session(bench.run("export", specs, parent=job.parent("model_best.pth")))
    probs = graph.run(["probs"], {"input_1": torch.zeros(2, 3, 32, 32).numpy()})[0]
    assert probs.shape == (2, 2)


def two_digits(folder):
    """Zeros and ones alone, as a dataset."""
    import tarfile

    from tunesmith.data.digits import write_digits

    write_digits(folder / "all", train=600, val=200, test=0)
    target = folder / "two"
    target.mkdir()
    for split in ("train", "val"):
        with (
            tarfile.open(folder / "all" / f"images_{split}.tar.gz") as whole,
            tarfile.open(target / f"images_{split}.tar.gz", "w:gz") as part,
        ):
            for member in whole.getmembers():
                if member.name.split("/")[1] in ("0", "1"):
                    part.addfile(member, whole.extractfile(member))
    (target / "classes.txt").write_text("0\n1\n")
    return target
