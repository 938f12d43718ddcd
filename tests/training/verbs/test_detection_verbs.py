"""Detection from training to predictions: it learns, and every action agrees with it."""

import json
import threading
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save
from tests.hub_server import Hub
from tests.training.boxes import COCO, DIGITS, QUICK, SMALL, write_boxed_scenes
from tests.training.comparing import differences
from tests.training.jobs import Bench, Finished, nested
from tests.training.stopping import counting

from tunesmith.data.scenes import NAMES, archive, compose, png
from tunesmith.networks import get_network
from tunesmith.networks.catalogue import catalogue
from tunesmith.networks.rtdetr.model import build
from tunesmith.networks.rtdetr.spec import RtdetrSpec
from tunesmith.protocol import DatasetInput, Metrics, ModelInput
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.actions import run_action
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import StoppedError
from tunesmith.training.tasks.detection.task import Detection

CLASSES = [NAMES[digit] for digit in DIGITS]
SPECS = QUICK["rtdetr"]
STILL = {"train.optim.lr": 0.0, "train.optim.lr_backbone": 0.0, "train.is_dry_run": True}
"""A training that leaves the weights as they were at first."""
WIDE = {"input_width": 128, "input_height": 96}
"""The size that the graph takes."""


@pytest.fixture(scope="module")
def scenes(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetInput]:
    """Datasets to learn from (train) and to measure on (val)."""
    folder = tmp_path_factory.mktemp("boxes")
    write_boxed_scenes(folder / "train", 96)
    write_boxed_scenes(folder / "val", 24, "val")
    return {name: bench.dataset(folder / name, f"boxes-{name}", COCO) for name in ("train", "val")}


@pytest.fixture(scope="module")
def detector(bench: Bench, scenes) -> Finished:
    """A small model, trained until it is clearly good."""
    specs = {"train.num_epochs": 8, "train.optim.lr_steps": [6], "train.validation_interval": 8}
    return train(bench, scenes, specs)


@pytest.fixture(scope="module")
def exported(bench: Bench, detector: Finished, scenes) -> Finished:
    keys = wide("export")
    return run(bench, "export", detector.parent("model_best.pth"), keys, eval_dataset=scenes["val"])


def wide(section: str) -> dict[str, int]:
    return {f"{section}.{key}": side for key, side in WIDE.items()}


def train(bench: Bench, scenes, changes, **request) -> Finished:
    datasets = {"train_datasets": (scenes["train"],), "eval_dataset": scenes["val"]}
    return bench.run("train", SPECS | changes, network="rtdetr", **(datasets | request))


def run(bench: Bench, action: str, parent, changes=None, **request) -> Finished:
    # The structure comes from the checkpoint: the job's own spec names another backbone.
    specs = SPECS | {"model.backbone": "resnet_18"} | (changes or {})
    return bench.run(action, specs, network="rtdetr", parent=parent, **request)


def parent_of(kind: str, detector: Finished, exported: Finished):
    return detector.parent("model_best.pth") if kind == "checkpoint" else exported.parent("model.onnx")


def test_it_learns_to_find_digits_that_it_has_never_seen(detector):
    assert detector.outcome["best_metric"]["name"] == "val_mAP50"
    assert detector.outcome["metrics"]["val_mAP50"] > 0.5
    reported = [event for event in detector.events if isinstance(event, Metrics)][-1]
    assert set(reported.per_category["AP50"]) == set(CLASSES)
    losses = {"train_loss", "train_loss_class", "train_loss_bbox", "train_loss_giou", "val_loss"}
    assert losses | {"val_mAP", "val_mAP75", "val_mAR_100"} <= reported.values.keys()


@pytest.mark.parametrize("kind", ["checkpoint", "graph"])
def test_every_form_of_the_model_measures_the_same(bench, detector, exported, scenes, kind):
    val, model = scenes["val"], detector.parent("model_best.pth")
    job = run(bench, "evaluate", parent_of(kind, detector, exported), eval_dataset=val)
    wanted = detector
    if kind == "graph":
        assert job.outcome["engine"] == "ONNX Runtime"
        wanted = run(bench, "evaluate", model, wide("evaluate"), eval_dataset=val)
    for name in ("val_mAP", "val_mAP50", "val_loss"):
        assert job.outcome["metrics"][name] == pytest.approx(wanted.outcome["metrics"][name], abs=1e-3)
    figures = json.loads((job.results / "metrics.json").read_text())
    assert figures["images"] == 24
    assert np.mean([one["AP50"] for one in figures["classes"].values()]) == pytest.approx(
        figures["mAP50"], abs=1e-6
    )
    curves = (job.results / "precision_recall.csv").read_text().splitlines()
    assert curves[0].split(",") == ["recall", *CLASSES]
    assert len(curves) == 102
    for name in ("precision_recall.png", "evaluation.png"):
        assert Image.open(job.results / name).size[0] > 100


def test_an_evaluation_takes_another_size_and_a_threshold(bench, detector, scenes):
    parent, val = detector.parent("model_best.pth"), scenes["val"]
    keys = {"evaluate.input_width": 128, "evaluate.input_height": 128}
    larger = run(bench, "evaluate", parent, keys, eval_dataset=val).outcome["metrics"]["val_mAP50"]
    usual = detector.outcome["metrics"]["val_mAP50"]
    assert larger != usual
    assert larger > 0.2
    sure = run(bench, "evaluate", parent, {"evaluate.conf_threshold": 0.9}, eval_dataset=val)
    assert sure.outcome["metrics"]["val_mAP50"] < usual
    with pytest.raises(SpecError, match=r"evaluate\.input_width: must be a multiple of 32"):
        run(bench, "evaluate", parent, {"evaluate.input_width": 100}, eval_dataset=val)


def test_some_categories_alone_are_evaluated(bench, scenes):
    # The published default, [1], means all; a list of its own says which.
    job = train(bench, scenes, {"dataset.eval_class_ids": [2], "train.is_dry_run": True})
    reported = [event for event in job.events if isinstance(event, Metrics)][-1]
    assert set(reported.per_category["AP50"]) == {CLASSES[1]}
    with pytest.raises(SpecError, match=r"dataset\.eval_class_ids: must hold ids .*: 1, 2"):
        train(bench, scenes, {"dataset.eval_class_ids": [2, 9]})


def test_a_graph_of_another_size_agrees_with_torch(bench, detector, exported):
    assert exported.outcome["input"] == {"name": "inputs", "shape": [3, 96, 128]}
    assert exported.outcome["outputs"] == ["pred_logits", "pred_boxes"]
    assert {one["batch_size"] for one in exported.outcome["differences"]} == {1, 3}
    assert exported.outcome["onnx_max_abs_diff"] < 1e-3
    with pytest.raises(SpecError, match=r"export\.input_height: must be a multiple of 32"):
        run(bench, "export", detector.parent("model_best.pth"), {"export.input_height": 100})


def test_a_graph_of_grey_images_finds_what_they_show_in_colour(bench, detector):
    spec = validate_spec(RtdetrSpec, nested(SPECS | {"export.input_channel": 1}))
    job = bench.prepare("export", {}, network="rtdetr")
    task = Detection(job, get_network("rtdetr"), spec, tuple(CLASSES))
    weights = load_checkpoint(detector.results / "model_best.pth")["model"]
    plan, model = task.export_plan(weights, spec), task.build()
    model.load_state_dict(weights)
    grey = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        logits, boxes = plan.run(grey)
        wanted = model.eval()(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(logits, wanted.logits)
    torch.testing.assert_close(boxes, wanted.boxes)


@pytest.mark.parametrize("kind", ["checkpoint", "graph"])
def test_predictions_are_in_pixels_of_the_images_and_drawn_as_asked(
    bench, detector, exported, tmp_path, kind
):
    drawn = compose(4, digits=DIGITS, size=(150, 120), split="val", seed=9)
    images = {f"images/deep/{scene.name}": png(scene.pixels) for scene in drawn}
    (tmp_path / "images.tar.gz").write_bytes(archive(images))
    raw = bench.dataset(tmp_path, f"boxes-raw-{kind}", "object_detection raw")
    changes = {
        "inference.conf_threshold": 0.3,
        "inference.color_map": {CLASSES[0]: "#ff00ff", CLASSES[1]: "#ff00ff"},
        "inference.outline_width": 2,
        "inference.is_internal": kind == "graph",
    }
    job = run(bench, "inference", parent_of(kind, detector, exported), changes, inference_dataset=raw)
    assert (job.outcome["images"], job.outcome["unreadable"]) == (4, 0)
    whole = json.loads((job.results / "predictions.json").read_text())
    assert json.loads((job.results / "results.json").read_text()) == whole["annotations"]
    assert [one["name"] for one in whole["categories"]] == CLASSES
    names = {one["id"]: Path(one["file_name"]).name for one in whole["images"]}
    known = {scene.name: [one.box for one in scene.drawn] for scene in drawn}
    hits = [
        max(overlap(one["bbox"], box) for box in known[names[one["image_id"]]])
        for one in whole["annotations"]
    ]
    assert len(hits) >= 4
    assert np.median(hits) > 0.5
    assert all(one["score"] >= 0.3 for one in whole["annotations"])
    folder = "images/deep/" if kind == "graph" else ""
    for scene in drawn:
        label = job.results / "labels" / f"{folder}{scene.stem}.txt"
        picture = Image.open(job.results / "images_annotated" / f"{folder}{scene.stem}.jpg")
        lines = label.read_text().splitlines()
        assert picture.size == (150, 120)
        assert len(lines) == sum(names[one["image_id"]] == scene.name for one in whole["annotations"])
        red, green, blue = (np.asarray(picture).astype(int)[..., channel] for channel in range(3))
        assert bool(((red > 180) & (green < 100) & (blue > 180)).any()) == bool(lines)


def overlap(found, box) -> float:
    """IoU of left, top, width, height with left, top, right, bottom."""
    left, top, width, height = found
    across = max(0.0, min(left + width, box[2]) - max(left, box[0]))
    down = max(0.0, min(top + height, box[3]) - max(top, box[1]))
    union = width * height + (box[2] - box[0]) * (box[3] - box[1]) - across * down
    return across * down / union


def test_an_engine_keeps_the_accuracy_in_8_bits(bench, exported, scenes):
    datasets = {"calibration_dataset": scenes["val"], "eval_dataset": scenes["val"]}
    changes = {
        "gen_trt_engine.tensorrt.data_type": "INT8",
        "gen_trt_engine.tensorrt.max_batch_size": 8,
        "gen_trt_engine.tensorrt.calibration.cal_batches": 16,
    }
    job = run(bench, "gen_trt_engine", exported.parent("model.onnx"), changes, **datasets)
    before, after = (values["val_mAP50"] for values in job.outcome["accuracy"].values())
    assert after > before - 0.02
    measured = run(bench, "evaluate", job.parent("model.engine"), eval_dataset=scenes["val"])
    assert measured.outcome["metrics"]["val_mAP50"] == pytest.approx(after, abs=1e-6)


def test_a_training_starts_from_a_published_detector(bench, scenes, tmp_path):
    entry = next(one for one in catalogue().values() if one.name == "rtdetr_r18vd")
    keys = SMALL["rtdetr"] | dict(entry.defaults) | {"model.dec_layers": 2}
    # Smaller than the published one, and of its 80 classes.
    torch.manual_seed(7)
    published = build(validate_spec(RtdetrSpec, nested(keys)), 80)
    weights = {name: value.contiguous() for name, value in published.state_dict().items()}
    hub = Hub()
    hub.add(entry.source.repo, entry.source.file, save(weights))
    base = ModelInput(
        id=entry.id,
        name=entry.ngc_path,
        **entry.source.model_dump(),
        hub=hub.url,
        folder=tmp_path / "model",
    )
    job = train(bench, scenes, keys | STILL, base_models=(base,))
    hub.close()
    trained = load_checkpoint(job.results / "model_latest.pth")["model"]
    for name, value in weights.items():
        if name.startswith("net.backbone."):
            torch.testing.assert_close(trained[name], value, rtol=0, atol=0)
    (said,) = (note for note in job.notes if "weights were loaded" in note)
    assert "The heads of 2 classes begin anew" in said
    assert trained["net.enc_score_head.weight"].shape[0] == 2


def test_a_training_begins_with_weights_of_the_workspace(bench, detector, scenes):
    prefix = detector.run.request.results.location.prefix
    keys = {
        "train.pretrained_model_path": f"{prefix}/model_best.pth",
        "train.freeze": ["backbone", "encoder"],
    }
    job = train(bench, scenes, keys | STILL)
    assert any(note.startswith("train.pretrained_model_path (model_best.pth): ") for note in job.notes)
    before = load_checkpoint(detector.results / "model_best.pth")["model"]
    after = load_checkpoint(job.results / "model_latest.pth")["model"]
    for name, value in before.items():
        if "running_" not in name and not name.endswith("num_batches_tracked"):  # these go on averaging
            torch.testing.assert_close(after[name], value, msg=name)


def test_a_student_with_a_teacher_is_no_worse_than_alone(bench, detector, scenes):
    student = SPECS | {"model.dec_layers": 1, "distill.loss_type": "FD"}
    student |= {"train.num_epochs": 5, "train.optim.lr_steps": [4], "train.validation_interval": 5}
    datasets = {"train_datasets": (scenes["train"],), "eval_dataset": scenes["val"]}
    alone = bench.run("train", student, network="rtdetr", **datasets)
    parent = detector.parent("model_best.pth")
    taught = bench.run("distill", student, network="rtdetr", parent=parent, **datasets)
    assert taught.outcome["best_metric"]["value"] >= alone.outcome["best_metric"]["value"]
    apart = [
        event.values["train_teacher"] or 0.0
        for event in taught.events
        if isinstance(event, Metrics) and "train_teacher" in event.values
    ]
    assert apart[-1] < apart[0]
    assert any(note.startswith("The teacher is RT-DETR with test_byobnet") for note in taught.notes)
    # The checkpoint is the student's alone.
    state = load_checkpoint(taught.results / "model_latest.pth")
    assert state["extras"] == {}
    assert state["spec"]["model"]["dec_layers"] == 1


def test_a_student_begins_with_what_its_teacher_decodes_by(bench, detector, scenes):
    keys = {
        "model.load_teacher_enc_dec": True,
        "distill.loss_type": "FD",
        "distill.pretrained_teacher_model_path": "teachers/boxes.pth",
        "distill.teacher": nested(SPECS)["model"],
    }
    target = bench.workspace.path / "teachers" / "boxes.pth"
    target.parent.mkdir(exist_ok=True)
    weights = load_checkpoint(detector.results / "model_best.pth")["model"]
    torch.save(weights, target)
    datasets = {"train_datasets": (scenes["train"],), "eval_dataset": scenes["val"]}
    job = bench.run("distill", SPECS | STILL | keys, network="rtdetr", **datasets)
    begun = load_checkpoint(job.results / "model_latest.pth")["model"]
    same = {name for name, value in weights.items() if torch.equal(value, begun[name])}
    learning = {name for name in weights if name.endswith("conv.weight")}
    assert "net.decoder.layers.0.self_attn.o_proj.weight" in same
    # Stages that no map comes from are as they were in both.
    assert not any(name.startswith("net.backbone.") and ".stages.0." in name for name in same & learning)


def test_a_dry_run_takes_one_batch(bench, scenes):
    job = train(bench, scenes, {"train.is_dry_run": True, "train.num_epochs": 50, "train.verbose": True})
    assert job.outcome["epochs"] == 1
    assert any("one batch is trained" in note for note in job.notes)


def test_a_training_that_was_stopped_goes_on_as_if_it_was_not(bench, scenes, tmp_path):
    write_boxed_scenes(tmp_path / "few", 24)
    specs = SPECS | {
        "train.enable_ema": True,
        "train.ema.every_n_steps": 2,
        "dataset.augmentation.iou_crop_prob": 0.5,
        "dataset.augmentation.distortion_prob": 0.5,
        "dataset.augmentation.multi_scales": [64, 96],
        "train.num_epochs": 2,
    }
    request = {
        "network": "rtdetr",
        "train_datasets": (bench.dataset(tmp_path / "few", "boxes-few", COCO),),
        "eval_dataset": scenes["val"],
        "job_id": uuid4(),
    }
    whole = bench.run("train", specs, folder=tmp_path / "whole", **request)
    # 24 images in batches of 8: in the second epoch.
    request["job_id"], stop = uuid4(), threading.Event()
    stopped = bench.prepare("train", specs, folder=tmp_path / "stopped", stop=stop, **request)
    with counting(stop, 5, validating=False), pytest.raises(StoppedError):
        run_action(stopped)
    bench.run("train", specs, folder=tmp_path / "stopped", **request)
    goes_on = load_checkpoint(stopped.results / "model_latest.pth")
    straight = load_checkpoint(whole.results / "model_latest.pth")
    assert not list(differences(goes_on, straight))


def test_the_number_of_classes_may_count_one_more(bench, scenes):
    for count in (2, 3):
        train(bench, scenes, {"dataset.num_classes": count, "train.is_dry_run": True})
    with pytest.raises(SpecError, match=r"dataset\.num_classes: must be the number of categories, 2, or one"):
        train(bench, scenes, {"dataset.num_classes": 5, "train.is_dry_run": True})
