"""Detectors with deformable attention from training to predictions: they learn, and every action agrees."""

import json
import threading
from uuid import uuid4

import pytest
import torch
from tests.training.boxes import COCO, DIGITS, QUICK, SIZE, write_boxed_scenes
from tests.training.comparing import differences
from tests.training.jobs import Bench, Finished
from tests.training.stopping import counting

from tunesmith.data.scenes import NAMES, archive, compose, png
from tunesmith.networks import get_network
from tunesmith.protocol import DatasetInput
from tunesmith.specs import Action, SpecError
from tunesmith.training.actions import run_action
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import StoppedError

# What each reaches after a few epochs, on scenes with digits that it has not seen.
ENOUGH = {"deformable_detr": (8, 0.35), "dino": (7, 0.4)}
# The graph of one has the size of the training, that of the other takes wide images.
GRAPH_SIZES = {"deformable_detr": {"input_width": 131, "input_height": 90}, "dino": {}}
SIZED = "dataset.augmentation."


@pytest.fixture(scope="module")
def scenes(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetInput]:
    """Datasets to learn from (train) and to measure on (val)."""
    folder = tmp_path_factory.mktemp("boxes")
    write_boxed_scenes(folder / "train", 96)
    write_boxed_scenes(folder / "val", 24, "val")
    return {name: bench.dataset(folder / name, f"deformed-{name}", COCO) for name in ("train", "val")}


@pytest.fixture(scope="module", params=ENOUGH)
def detector(bench: Bench, scenes, request) -> Finished:
    """A small model, trained until it is clearly good."""
    epochs, _ = ENOUGH[request.param]
    keys = {
        "train.num_epochs": epochs,
        "train.optim.lr_steps": [epochs - 2],
        "train.validation_interval": epochs,
    }
    return train(bench, scenes, request.param, keys)


@pytest.fixture(scope="module")
def exported(bench: Bench, detector: Finished, scenes) -> Finished:
    val = scenes["val"]
    return run(
        bench, "export", detector, detector, "model_best.pth", sized(detector, "export"), eval_dataset=val
    )


def sized(detector: Finished, section: str) -> dict[str, int]:
    """The keys for images of the size that the graph takes."""
    size = GRAPH_SIZES[str(detector.run.request.network)]
    return {f"{section}.{key}": side for key, side in size.items()}


def train(bench: Bench, scenes, network: str, changes, **request) -> Finished:
    datasets = {"train_datasets": (scenes["train"],), "eval_dataset": scenes["val"]}
    return bench.run("train", QUICK[network] | changes, network=network, **(datasets | request))


def run(
    bench: Bench, action: str, detector: Finished, parent: Finished, file: str, changes=None, **request
) -> Finished:
    # The structure comes from the checkpoint: the job's own spec names another backbone.
    network = str(detector.run.request.network)
    specs = QUICK[network] | {"model.backbone": "resnet_50"} | (changes or {})
    return bench.run(action, specs, network=network, parent=parent.parent(file), **request)


def test_it_learns_to_find_digits_that_it_has_never_seen(detector):
    _, enough = ENOUGH[detector.run.request.network]
    assert detector.outcome["best_metric"]["name"] == "val_mAP50"
    assert detector.outcome["metrics"]["val_mAP50"] > enough


def test_a_graph_measures_what_the_model_does(bench, detector, exported, scenes):
    size = GRAPH_SIZES[detector.run.request.network]
    sides = [size.get(key, SIZE) for key in ("input_height", "input_width")]
    assert exported.outcome["input"] == {"name": "inputs", "shape": [3, *sides]}
    assert {one["batch_size"] for one in exported.outcome["differences"]} == {1, 3}
    assert exported.outcome["onnx_max_abs_diff"] < 1e-3
    keys, val = sized(detector, "evaluate"), scenes["val"]
    usual = run(bench, "evaluate", detector, detector, "model_best.pth", keys, eval_dataset=val)
    graph = run(bench, "evaluate", detector, exported, "model.onnx", eval_dataset=val)
    known = detector if not size else usual
    for name in ("val_mAP", "val_mAP50", "val_loss"):
        values = [one.outcome["metrics"][name] for one in (usual, graph, known)]
        assert values == pytest.approx([values[0]] * 3, abs=1e-3), name


def test_an_engine_predicts_what_the_model_does(bench, detector, exported, tmp_path):
    # Images of another shape than those of the training are filled up.
    drawn = compose(4, digits=DIGITS, size=(150, 120), split="val", seed=9)
    images = {f"images/{scene.name}": png(scene.pixels) for scene in drawn}
    (tmp_path / "images.tar.gz").write_bytes(archive(images))
    network = str(detector.run.request.network)
    raw = bench.dataset(tmp_path, f"boxes-raw-{network}", "object_detection raw")
    engine = run(bench, "gen_trt_engine", detector, exported, "model.onnx")
    found = []
    for parent, file in ((detector, "model_best.pth"), (engine, "model.engine")):
        keys = {"inference.conf_threshold": 0.3, **sized(detector, "inference")}
        job = run(bench, "inference", detector, parent, file, keys, inference_dataset=raw)
        whole = json.loads((job.results / "predictions.json").read_text())
        assert [one["name"] for one in whole["categories"]] == [NAMES[digit] for digit in DIGITS]
        found.append(
            {(one["image_id"], one["category_id"], *map(round, one["bbox"])) for one in whole["annotations"]}
        )
        assert len(found[-1]) >= 2
    assert len(found[0] ^ found[1]) <= 2, "rounding alone tells them apart"


def test_a_training_that_was_stopped_goes_on_as_if_it_was_not(bench, detector, scenes, tmp_path):
    network = str(detector.run.request.network)
    specs = QUICK[network] | {
        "model.dropout_ratio": 0.1,
        f"{SIZED}scales": [64, 96],
        f"{SIZED}train_random_resize": [80, 100],
        f"{SIZED}train_random_crop_min": 50,
        f"{SIZED}horizontal_flip_prob": 0.5,
        f"{SIZED}fixed_padding": False,
        "train.num_epochs": 2,
    }
    write_boxed_scenes(tmp_path / "few", 24)
    few = bench.dataset(tmp_path / "few", f"few-{network}", COCO)
    request = {"network": network, "train_datasets": (few,), "eval_dataset": scenes["val"]}
    request["job_id"] = uuid4()
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


def test_a_training_begins_with_weights_of_the_workspace(bench, detector, scenes):
    prefix = detector.run.request.results.location.prefix
    keys = {
        "train.pretrained_model_path": f"{prefix}/model_best.pth",
        "train.optim.lr": 0.0,
        "train.optim.lr_backbone": 0.0,
        "train.freeze": ["backbone"],
        "train.is_dry_run": True,
    }
    job = train(bench, scenes, detector.run.request.network, keys)
    assert any(note.startswith("train.pretrained_model_path (model_best.pth): ") for note in job.notes)
    before = load_checkpoint(detector.results / "model_best.pth")["model"]
    after = load_checkpoint(job.results / "model_latest.pth")["model"]
    for name, value in before.items():
        if "running_" not in name and not name.endswith("num_batches_tracked"):  # these go on averaging
            assert torch.equal(after[name], value), name


def test_a_student_with_a_teacher_is_no_worse_than_alone(bench, detector, scenes):
    network = str(detector.run.request.network)
    if Action.DISTILL not in get_network(network).actions:
        pytest.skip(f"{network} has no distillation")
    student = QUICK[network] | {"model.dec_layers": 1, "distill.loss_type": "FD"}
    student |= {"train.num_epochs": 5, "train.optim.lr_steps": [4], "train.validation_interval": 5}
    datasets = {"train_datasets": (scenes["train"],), "eval_dataset": scenes["val"]}
    alone = bench.run("train", student, network=network, **datasets)
    parent = detector.parent("model_best.pth")
    taught = bench.run("distill", student, network=network, parent=parent, **datasets)
    assert taught.outcome["best_metric"]["value"] >= alone.outcome["best_metric"]["value"]


@pytest.mark.parametrize("network", ENOUGH)
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({f"{SIZED}scales": []}, "must hold sizes in pixels"),
        ({f"{SIZED}train_random_crop_min": 97}, "must be at least train_random_crop_min, 97"),
        ({f"{SIZED}input_std": [0.1, 0.0, 0.1]}, "must hold a number above 0 for each colour"),
        ({f"{SIZED}input_mean": [0.1]}, "must hold a number for each colour"),
    ],
)
def test_what_cannot_be_used_is_refused(bench, scenes, network, changes, rule):
    with pytest.raises(SpecError, match=rule):
        train(bench, scenes, network, changes)
