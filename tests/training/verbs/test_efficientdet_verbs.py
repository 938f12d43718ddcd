"""efficientdet_tf2 from training to predictions: it learns, is pruned, and every action agrees with it."""

import json
import re

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save
from tests.hub_server import Hub
from tests.training.anchored import SMALL_ANCHORED
from tests.training.boxes import COCO, DIGITS, write_boxed_scenes
from tests.training.jobs import Bench, Finished

from tunesmith.data.errors import DatasetError
from tunesmith.data.scenes import NAMES, archive, compose, png
from tunesmith.networks.catalogue import catalogue
from tunesmith.protocol import DatasetInput, Metrics, ModelInput
from tunesmith.specs import SpecError
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.engine.state import predicting_weights

NETWORK = "efficientdet_tf2"
CLASSES = [NAMES[digit] for digit in DIGITS]


@pytest.fixture(scope="module")
def scenes(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetInput]:
    """Datasets to learn from (train) and to measure on (val), and two for trainings that need not learn."""
    folder = tmp_path_factory.mktemp("anchored")
    write_boxed_scenes(folder / "train", 96)
    write_boxed_scenes(folder / "val", 24, "val")
    write_boxed_scenes(folder / "few", 16, seed=3)
    write_boxed_scenes(folder / "some", 4, "val", seed=3)
    names = ("train", "val", "few", "some")
    return {name: bench.dataset(folder / name, f"anchored-{name}", COCO) for name in names}


@pytest.fixture(scope="module")
def run(bench: Bench, scenes):
    def ran(action: str, parent=None, changes=None, **request) -> Finished:
        if action in ("train", "retrain"):
            request.setdefault("train_datasets", (scenes["train"],))
        request.setdefault("eval_dataset", scenes["val"])
        specs = SMALL_ANCHORED | (changes or {})
        return bench.run(action, specs, network=NETWORK, parent=parent, **request)

    return ran


@pytest.fixture(scope="module")
def tried(run, scenes):
    """Trains for one epoch of two steps, whatever comes of it."""

    def ran(changes=None, **request) -> Finished:
        datasets = {"train_datasets": (scenes["few"],), "eval_dataset": scenes["some"]}
        return run("train", changes=changes, **(datasets | request))

    return ran


@pytest.fixture(scope="module")
def detector(run) -> Finished:
    """A small model, trained until it is clearly good."""
    return run("train", changes={"train.num_epochs": 10, "train.validation_interval": 5})


@pytest.fixture(scope="module")
def pruned(run, detector: Finished) -> Finished:
    keys = {
        "prune.threshold": 0.78,
        "prune.equalization_criterion": "arithmetic_mean",
        "prune.min_num_filters": 16,
    }
    return run("prune", detector.parent("model_best.pth"), keys)


@pytest.fixture(scope="module")
def exported(run, detector: Finished) -> Finished:
    return run("export", detector.parent("model_best.pth"))


def test_it_learns_to_find_digits_that_it_has_never_seen(detector):
    assert detector.outcome["best_metric"]["name"] == "AP50"
    assert detector.outcome["metrics"]["AP50"] > 0.5
    reported = [event for event in detector.events if isinstance(event, Metrics)][-1]
    assert set(reported.per_category["AP50"]) == set(CLASSES)
    assert {"AP", "AP75", "APs", "ARmax100", "val_loss", "train_loss_bbox"} <= reported.values.keys()
    assert not [name for name in reported.values if "mAP" in name]


@pytest.mark.parametrize("kind", ["checkpoint", "graph"])
def test_every_form_of_the_model_measures_the_same(run, detector, exported, kind):
    parent = detector.parent("model_best.pth") if kind == "checkpoint" else exported.parent("model.onnx")
    job = run("evaluate", parent)
    assert job.outcome["metrics"]["AP50"] == pytest.approx(detector.outcome["metrics"]["AP50"], abs=5e-3)
    figures = json.loads((job.results / "metrics.json").read_text())
    assert figures["images"] == 24
    assert figures["AP50"] == job.outcome["metrics"]["AP50"]


def test_an_evaluation_keeps_to_its_own_keys(run, detector):
    parent = detector.parent("model_best.pth")
    fewer = run("evaluate", parent, {"evaluate.num_samples": 5})
    assert json.loads((fewer.results / "metrics.json").read_text())["images"] == 5
    one = run("evaluate", parent, {"evaluate.max_detections_per_image": 1}).outcome["metrics"]
    assert one["ARmax100"] == one["ARmax1"]
    crowded = run("evaluate", parent, {"evaluate.sigma": 0.0, "evaluate.max_nms_inputs": 40})
    assert crowded.outcome["metrics"]["AP50"] != detector.outcome["metrics"]["AP50"]


def test_a_graph_has_an_open_batch_or_the_one_that_is_asked_for(run, detector, exported):
    assert exported.outcome["outputs"] == ["pred_logits", "pred_boxes"]
    assert {one["batch_size"] for one in exported.outcome["differences"]} == {1, 3}
    assert exported.outcome["onnx_max_abs_diff"] < 1e-3
    keys = {"export.dynamic_batch_size": False, "export.batch_size": 2, "export.min_score_thresh": 0.4}
    fixed = run("export", detector.parent("model_best.pth"), keys)
    assert {one["batch_size"] for one in fixed.outcome["differences"]} == {2}
    assert fixed.outcome["metadata"]["score_threshold"] == "0.4"
    sure = run("inference", fixed.parent("model.onnx"), {"inference.min_score_thresh": 0.0})
    listed = json.loads((sure.results / "results.json").read_text())
    assert listed
    assert min(one["score"] for one in listed) >= 0.4


def test_pruning_takes_half_the_work_and_retraining_brings_back_the_rest(run, detector, pruned):
    figures = json.loads((pruned.results / "prune.json").read_text())
    assert figures["flops"]["after"] <= 0.5 * figures["flops"]["before"]
    assert figures["accuracy"]["before"]["AP50"] > figures["accuracy"]["after"]["AP50"]
    # The heads still tell the same classes at the same anchors.
    state = load_checkpoint(pruned.results / "model.pth")["model"]
    whole = load_checkpoint(detector.results / "model_best.pth")["model"]
    for head in ("class_net", "box_net"):
        name = f"{head}.predict.conv_pw.bias"
        assert state[name].shape == whole[name].shape
    keys = {"train.num_epochs": 6, "train.validation_interval": 6}
    retrained = run("retrain", pruned.parent("model.pth"), keys)
    assert retrained.outcome["metrics"]["AP50"] > detector.outcome["metrics"]["AP50"] - 0.15
    exported = run("export", retrained.parent("model_best.pth"))
    measured = run("evaluate", exported.parent("model.onnx"))
    assert measured.outcome["metrics"]["AP50"] == pytest.approx(
        retrained.outcome["metrics"]["AP50"], abs=5e-3
    )


def test_an_engine_keeps_the_accuracy_in_8_bits(run, exported, scenes):
    keys = {
        "gen_trt_engine.tensorrt.data_type": "int8",
        "gen_trt_engine.tensorrt.max_batch_size": 8,
        "gen_trt_engine.tensorrt.calibration.cal_batches": 16,
    }
    job = run("gen_trt_engine", exported.parent("model.onnx"), keys, calibration_dataset=scenes["val"])
    before, after = (values["AP50"] for values in job.outcome["accuracy"].values())
    assert after > before - 0.02


def test_predictions_are_drawn_and_listed(bench, run, detector, tmp_path):
    drawn = compose(4, digits=DIGITS, size=(150, 120), split="val", seed=9)
    images = {f"images/{scene.name}": png(scene.pixels) for scene in drawn}
    (tmp_path / "images.tar.gz").write_bytes(archive(images))
    raw = bench.dataset(tmp_path, "anchored-raw", "object_detection raw")
    keys = {"inference.max_boxes_to_draw": 2, "inference.dump_label": True}
    parent = detector.parent("model_best.pth")
    job = run("inference", parent, keys, inference_dataset=raw, eval_dataset=None)
    assert (job.outcome["images"], job.outcome["unreadable"]) == (4, 0)
    for scene in drawn:
        lines = (job.results / "labels" / f"{scene.stem}.txt").read_text().splitlines()
        assert len(lines) <= 2
        assert Image.open(job.results / "images_annotated" / f"{scene.stem}.jpg").size == (150, 120)
    plain = run("inference", parent, inference_dataset=raw, eval_dataset=None)
    assert not (plain.results / "labels").exists()


def test_a_training_begins_with_weights_of_the_workspace(tried, detector):
    prefix = detector.run.request.results.location.prefix
    keys = {"train.checkpoint": f"{prefix}/model_best.pth", "train.lr_schedule.learning_rate": 0.0}
    given = predicting_weights(load_checkpoint(detector.results / "model_best.pth"))
    for pattern, skipped in (("-predict*", r"_net\.predict\."), ("bn_rep", r"\.bn_rep\."), ("", "^$")):
        job = tried(keys | {"train.skip_checkpoint_variables": pattern})
        found = load_checkpoint(job.results / "model_latest.pth")["model"]
        for name, value in given.items():
            if name.endswith((".conv_pw.weight", ".bn.bias")) and name.startswith("class_net"):
                taken = torch.equal(found[name], value)
                assert taken != bool(re.search(skipped, name)), name
    with pytest.raises(SpecError, match=r"train\.skip_checkpoint_variables: must be a regular expression"):
        tried(keys | {"train.skip_checkpoint_variables": "("})


def test_an_epoch_may_show_fewer_images_or_more_or_one_batch(tried):
    def steps(**changes) -> int:
        job = tried(changes)
        return load_checkpoint(job.results / "model_latest.pth")["schedule"]["last_epoch"]

    assert steps() == 2
    assert steps(**{"train.num_examples_per_epoch": 8}) == 1
    assert steps(**{"train.num_examples_per_epoch": 40}) == 5
    assert steps(**{"dataset.use_fake_data": True, "train.num_examples_per_epoch": 24}) == 3


def test_a_training_takes_the_record_files_of_a_conversion(bench, tried, scenes):
    specs = {"dataset_convert.num_shards": 3}
    learnt, checked = (
        bench.run(
            "convert_efficientdet_tf2",
            specs | {"dataset_convert.tag": name},
            network=NETWORK,
            train_datasets=(scenes[name],),
        )
        for name in ("few", "some")
    )
    keys = {
        "dataset.train_tfrecords": [f"{learnt.run.request.results.location.prefix}/few-*"],
        "dataset.val_dirs": [checked.run.request.results.location.prefix],
    }
    job, plain = tried(keys, eval_dataset=None), tried()
    for name in ("train_loss", "val_loss"):
        assert job.outcome["metrics"][name] == pytest.approx(plain.outcome["metrics"][name], rel=0.3)
    saved = load_checkpoint(job.results / "model_latest.pth")
    assert saved["data"] == "16 images to learn from, 4 to validate on, 2 classes"
    with pytest.raises(DatasetError, match=r"The workspace holds no file that fits results/none-\*"):
        tried({"dataset.train_tfrecords": ["results/none-*"]})


def test_validation_begins_at_the_epoch_that_is_asked_for(tried):
    keys = {"train.num_epochs": 3, "evaluate.start_eval_epoch": 2, "train.num_examples_per_epoch": 8}
    job = tried(keys)
    reported = [event for event in job.events if isinstance(event, Metrics) and event.epoch]
    assert [event.epoch for event in reported if "AP50" in event.values] == [2, 3]


def test_a_training_starts_from_a_published_backbone(tried, tmp_path):
    entry = next(one for one in catalogue().values() if one.arch == NETWORK)
    torch.manual_seed(7)
    published = timm.create_model("tf_efficientnet_b0").state_dict()
    hub = Hub()
    hub.add(entry.source.repo, entry.source.file, save(published))
    base = ModelInput(
        id=entry.id,
        name=entry.ngc_path,
        **entry.source.model_dump(),
        hub=hub.url,
        folder=tmp_path / "model",
    )
    # A learning rate of nothing keeps what was loaded.
    still = {"train.lr_schedule.learning_rate": 0.0, "train.num_examples_per_epoch": 8}
    job = tried({"model.backbone": "", **dict(entry.defaults), **still}, base_models=(base,))
    hub.close()
    trained = load_checkpoint(job.results / "model_latest.pth")["model"]
    inner = "backbone.maps.net."
    kept = [name for name in published if name.endswith("weight") and f"{inner}{name}" in trained]
    assert len(kept) > 100
    for name in kept:
        torch.testing.assert_close(trained[f"{inner}{name}"], published[name], rtol=0, atol=0)
    (said,) = (note for note in job.notes if "weights were loaded" in note)
    assert "The heads of 2 classes begin anew" in said
