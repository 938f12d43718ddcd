"""Segmentation from training to predictions: it learns, and every action agrees with it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save
from tests.hub_server import Hub
from tests.training.jobs import Bench, Finished
from tests.training.segments import DIGITS, SIZE, SMALL_SEGMENTS, UNET, write_masked_scenes

from tunesmith.data.errors import DatasetError
from tunesmith.data.scenes import archive, class_mask, compose, png
from tunesmith.networks.catalogue import catalogue
from tunesmith.protocol import DatasetInput, Metrics, ModelInput
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.tasks.segmentation.metrics import ClassScores, confusion_of

CLASSES = ("0", "1", "2")


@pytest.fixture(scope="module")
def scenes(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    folder = tmp_path_factory.mktemp("scenes")
    write_masked_scenes(folder)
    return bench.dataset(folder, "scenes", UNET)


@pytest.fixture(scope="module")
def segmenter(bench: Bench, scenes: DatasetInput) -> Finished:
    """A small model, trained until it is clearly good."""
    specs = SMALL_SEGMENTS | {"train.num_epochs": 8, "train.validation_interval": 4}
    return bench.run("train", specs, network="segformer", train_datasets=(scenes,), eval_dataset=scenes)


@pytest.fixture(scope="module")
def exported(bench: Bench, segmenter: Finished, scenes: DatasetInput) -> Finished:
    return run(bench, "export", segmenter.parent("model_best.pth"), eval_dataset=scenes)


def run(bench: Bench, action: str, parent, changes=None, **request) -> Finished:
    # The structure comes from the checkpoint: the job's own spec names another backbone.
    specs = SMALL_SEGMENTS | {"model.backbone.type": "mit_b0"} | (changes or {})
    return bench.run(action, specs, network="segformer", parent=parent, **request)


def test_it_learns_to_segment_digits_that_it_has_never_seen(segmenter):
    assert segmenter.outcome["best_metric"]["name"] == "val_miou"
    assert segmenter.outcome["metrics"]["val_miou"] > 0.6, "the ground alone is 0.3"
    reported = [event for event in segmenter.events if isinstance(event, Metrics)][-1]
    assert set(reported.per_category["iou"]) == set(CLASSES)
    assert {"val_mAcc", "val_acc", "val_loss", "train_loss", "train_loss_output"} <= reported.values.keys()


@pytest.mark.parametrize("kind", ["checkpoint", "graph"])
def test_every_form_of_the_model_measures_the_same(bench, segmenter, exported, scenes, kind):
    parent = segmenter.parent("model_best.pth") if kind == "checkpoint" else exported.parent("model.onnx")
    job = run(bench, "evaluate", parent, {"evaluate.vis_after_n_batches": 2}, eval_dataset=scenes)
    for name in ("val_miou", "val_mAcc", "val_acc"):
        assert job.outcome["metrics"][name] == pytest.approx(segmenter.outcome["metrics"][name], abs=1e-3)
    figures = json.loads((job.results / "metrics.json").read_text())
    rows = list(csv.reader((job.results / "confusion_matrix.csv").open()))
    counts = np.array([[int(cell) for cell in row[1:]] for row in rows[1:]])
    assert rows[0][1:] == list(CLASSES)
    assert counts.sum() == 16 * SIZE * SIZE
    assert counts.trace() / counts.sum() == pytest.approx(figures["acc"])
    assert figures["classes"]["1"]["iou"] == pytest.approx(
        counts[1, 1] / (counts[1].sum() + counts[:, 1].sum() - counts[1, 1])
    )
    drawn = [path.name for path in (job.results / "annotated").iterdir()]
    assert drawn == ["batch_0002.png"], "16 images in batches of 8"
    for name in ("iou.png", "confusion_matrix.png", "evaluation.png"):
        assert Image.open(job.results / name).size[0] > 100


def test_a_graph_of_another_size_and_of_grey_images_agrees_with_torch(bench, segmenter, scenes):
    changes = {
        "export.input_width": 128,
        "export.input_height": 64,
        "export.input_channel": 1,
        "export.serialize_nvdsinfer": True,
    }
    job = run(bench, "export", segmenter.parent("model_best.pth"), changes, eval_dataset=scenes)
    assert job.outcome["input"]["shape"] == [1, 64, 128]
    assert "infer-dims=1;64;128\n" in (job.results / "nvdsinfer_config.txt").read_text()
    assert {one["batch_size"] for one in job.outcome["differences"]} == {1, 3}
    assert job.outcome["onnx_max_abs_diff"] < 1e-3
    measured = run(bench, "evaluate", job.parent("model.onnx"), eval_dataset=scenes)
    assert measured.outcome["engine"] == "ONNX Runtime"
    assert measured.outcome["metrics"]["val_acc"] > 0.8


@pytest.mark.parametrize("kind", ["checkpoint", "graph"])
def test_masks_have_the_size_of_their_images_and_the_values_of_the_training(
    bench, segmenter, exported, tmp_path, kind
):
    drawn = compose(3, digits=DIGITS, size=(150, 120), split="val", seed=9)
    images = {f"images/deep/{scene.name}": png(scene.pixels) for scene in drawn}
    (tmp_path / "images.tar.gz").write_bytes(archive(images | {"images/broken.png": b"no image"}))
    raw = bench.dataset(tmp_path, f"raw-{kind}", "segmentation raw")
    parent = segmenter.parent("model_best.pth") if kind == "checkpoint" else exported.parent("model.onnx")
    # A folder with a broken image is refused when it is pulled, unless nobody looks.
    with pytest.raises(DatasetError, match=r"broken\.png"):
        run(bench, "inference", parent, inference_dataset=raw)
    (tmp_path / "images.tar.gz").write_bytes(archive(images))
    raw = bench.dataset(tmp_path, f"raw-whole-{kind}", "segmentation raw")
    job = run(bench, "inference", parent, inference_dataset=raw)
    assert (job.outcome["images"], job.outcome["unreadable"]) == (3, 0)
    listed = json.loads((job.results / "predictions.json").read_text())
    assert [one["class"] for one in listed["classes"]] == list(CLASSES)
    confusion = sum(
        confusion_of(tensor(mask_of(job.results, scene.name)), tensor(class_mask(scene, DIGITS)), 3)
        for scene in drawn
    )
    assert ClassScores.of(confusion).miou > 0.45  # type: ignore[arg-type]
    for one in listed["predictions"]:
        assert sum(one["shares"].values()) == pytest.approx(1)
        assert Image.open(job.results / one["mask"]).size == (150, 120)
        assert Image.open(job.results / one["mask"].replace("masks/", "overlays/")).mode == "RGB"
    assert (job.results / "labels.txt").read_text().split() == list(CLASSES)


def test_an_engine_keeps_the_accuracy_in_8_bits(bench, exported, scenes):
    datasets = {"calibration_dataset": scenes, "eval_dataset": scenes}
    changes = {"gen_trt_engine.tensorrt.data_type": "int8", "gen_trt_engine.tensorrt.max_batch_size": 8}
    job = run(bench, "gen_trt_engine", exported.parent("model.onnx"), changes, **datasets)
    before, after = (values["val_miou"] for values in job.outcome["accuracy"].values())
    assert after > before - 0.02
    measured = run(bench, "evaluate", job.parent("model.engine"), eval_dataset=scenes)
    assert measured.outcome["metrics"]["val_miou"] == pytest.approx(after, abs=1e-6)


def test_a_training_starts_from_a_published_backbone(bench, scenes, tmp_path):
    entry = next(
        one for one in catalogue().values() if (one.arch, one.name) == ("segformer", "test_resnet.r160_in1k")
    )
    published = timm.create_model("test_resnet").state_dict()
    hub = Hub()
    hub.add(entry.source.repo, entry.source.file, save(published))
    base = ModelInput(
        id=entry.id,
        name=entry.ngc_path,
        **entry.source.model_dump(),
        hub=hub.url,
        folder=tmp_path / "model",
    )
    specs = SMALL_SEGMENTS | {"model.backbone.freeze_backbone": True}
    job = bench.run(
        "train",
        specs,
        network="segformer",
        train_datasets=(scenes,),
        eval_dataset=scenes,
        base_models=(base,),
    )
    hub.close()
    trained = load_checkpoint(job.results / "model_latest.pth")["model"]
    for name, value in published.items():
        if not name.startswith("fc."):
            torch.testing.assert_close(trained[f"maps.net.{name}"], value, rtol=0, atol=0)
    (said,) = (note for note in job.notes if "weights were loaded" in note)
    assert "are not in it" not in said
    assert "The decoder of 3 classes begins anew" in said


def mask_of(results: Path, name: str):
    (path,) = (results / "masks").rglob(name)
    return np.asarray(Image.open(path))


def tensor(mask):
    return torch.from_numpy(np.asarray(mask, np.int64))


def test_a_resumed_training_begins_with_the_weights_of_the_workspace(bench, segmenter, scenes):
    prefix = segmenter.run.request.results.location.prefix
    # A learning rate of nothing keeps what was loaded.
    keys = {"train.pretrained_model_path": f"{prefix}/model_best.pth", "train.optim.lr": 0.0}
    job = bench.run(
        "train", SMALL_SEGMENTS | keys, network="segformer", train_datasets=(scenes,), eval_dataset=scenes
    )
    assert any(note.startswith("train.pretrained_model_path (model_best.pth): ") for note in job.notes)
    # Batch normalisation goes on averaging.
    assert job.outcome["metrics"]["val_miou"] == pytest.approx(
        segmenter.outcome["metrics"]["val_miou"], abs=0.1
    )
