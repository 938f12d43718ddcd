"""Segmentation by masks from training to predictions: it learns, and every action agrees with it."""

import csv
import json
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.jobs import Bench, Finished
from tests.training.masks import (
    DIGITS,
    INLINE,
    INSTANCES,
    PANOPTIC,
    SIZE,
    SMALL_MASKS,
    write_instance_scenes,
    write_panoptic_scenes,
)

from tunesmith.data.masks import parse_rle
from tunesmith.data.panoptic import read_panoptic
from tunesmith.data.scenes import NAMES, archive, compose, png
from tunesmith.protocol import DatasetInput, Metrics
from tunesmith.training.engine.checkpoints import load_checkpoint

CLASSES = [*(NAMES[digit] for digit in DIGITS), "ground"]
Sets = dict[str, DatasetInput]


@pytest.fixture(scope="module")
def scenes(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Sets:
    """Panoptic datasets to learn from (train) and to measure on (val)."""
    folder = tmp_path_factory.mktemp("panoptic")
    write_panoptic_scenes(folder / "train", 64)
    write_panoptic_scenes(folder / "val", 16, "val")
    return {name: bench.dataset(folder / name, f"panoptic-{name}", PANOPTIC) for name in ("train", "val")}


@pytest.fixture(scope="module")
def instances(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Sets:
    folder = tmp_path_factory.mktemp("instances")
    write_instance_scenes(folder / "train", 16)
    write_instance_scenes(folder / "val", 8, "val")
    return {name: bench.dataset(folder / name, f"instances-{name}", INSTANCES) for name in ("train", "val")}


@pytest.fixture(scope="module")
def masker(bench: Bench, scenes: Sets) -> Finished:
    """A small model, trained until it is clearly good."""
    keys = ("train.num_epochs", "train.validation_interval", "train.checkpoint_interval")
    return train(bench, scenes, dict.fromkeys(keys, 7))


@pytest.fixture(scope="module")
def exported(bench: Bench, masker: Finished, scenes: Sets) -> Finished:
    return run(bench, "export", masker.parent("model_best.pth"), eval_dataset=scenes["val"])


def train(bench: Bench, sets: Sets, changes) -> Finished:
    datasets = {"train_datasets": (sets["train"],), "eval_dataset": sets["val"]}
    return bench.run("train", SMALL_MASKS | INLINE | changes, network="mask2former", **datasets)


def run(bench: Bench, action: str, parent, changes=None, **request) -> Finished:
    # The structure comes from the checkpoint: the job's own spec names another backbone.
    specs = SMALL_MASKS | INLINE | {"model.backbone.type": "swin"} | (changes or {})
    return bench.run(action, specs, network="mask2former", parent=parent, **request)


def parent_of(kind: str, masker: Finished, exported: Finished):
    return masker.parent("model_best.pth") if kind == "checkpoint" else exported.parent("model.onnx")


def test_it_learns_segments_of_scenes_that_it_has_never_seen(masker):
    assert masker.outcome["best_metric"]["name"] == "mIoU"
    assert masker.outcome["metrics"]["mIoU"] > 0.5, "the ground alone is 0.3"
    reported = [event for event in masker.events if isinstance(event, Metrics)][-1]
    assert set(reported.per_category["iou"]) == set(CLASSES)
    assert set(reported.per_category["AP"]) == set(CLASSES[:2])
    measured = {"mIoU", "val_mAcc", "val_acc", "val_PQ", "val_SQ", "val_RQ", "val_mAP50", "val_loss"}
    losses = {"train_loss", "train_loss_mask", "train_loss_dice", "train_loss_cross_entropy"}
    assert measured | losses <= reported.values.keys()
    assert masker.outcome["metrics"]["val_PQ"] > 0.3


@pytest.mark.parametrize("kind", ["checkpoint", "graph"])
def test_every_form_of_the_model_measures_the_same(bench, masker, exported, scenes, kind):
    job = run(bench, "evaluate", parent_of(kind, masker, exported), eval_dataset=scenes["val"])
    for name in ("mIoU", "val_PQ", "val_mAP50", "val_acc"):
        assert job.outcome["metrics"][name] == pytest.approx(masker.outcome["metrics"][name], abs=0.01), name
    figures = json.loads((job.results / "metrics.json").read_text())
    rows = list(csv.reader((job.results / "confusion_matrix.csv").open()))
    counts = np.array([[int(cell) for cell in row[1:]] for row in rows[1:]])
    assert counts.sum() == 16 * SIZE * SIZE
    assert counts.trace() / counts.sum() == pytest.approx(figures["acc"])
    assert figures["classes"]["ground"]["iou"] == pytest.approx(
        counts[2, 2] / (counts[2].sum() + counts[:, 2].sum() - counts[2, 2])
    )
    for name in ("iou.png", "pq.png", "ap.png", "confusion_matrix.png", "evaluation.png"):
        assert Image.open(job.results / name).size[0] > 100


def test_a_graph_of_another_size_takes_any_batch(bench, masker, scenes):
    changes = {"export.input_width": 160, "export.input_height": 64}
    job = run(bench, "export", masker.parent("model_best.pth"), changes, eval_dataset=scenes["val"])
    assert job.outcome["input"]["shape"] == [3, 64, 160]
    assert job.outcome["outputs"] == ["pred_logits", "pred_masks"]
    assert {one["batch_size"] for one in job.outcome["differences"]} == {1, 3}


def test_the_graph_agrees_with_torch(exported):
    assert {one["batch_size"] for one in exported.outcome["differences"]} == {1, 3}
    assert exported.outcome["onnx_max_abs_diff"] < 0.05


@pytest.mark.parametrize("kind", ["checkpoint", "graph"])
def test_segments_are_told_in_every_form(bench, masker, exported, tmp_path, kind):
    drawn = compose(3, digits=DIGITS, size=(150, 120), split="val", seed=9)
    images = {f"images/deep/{scene.name}": png(scene.pixels) for scene in drawn}
    (tmp_path / "images.tar.gz").write_bytes(archive(images))
    raw = bench.dataset(tmp_path, f"raw-masks-{kind}", "segmentation raw")
    job = run(bench, "inference", parent_of(kind, masker, exported), inference_dataset=raw)
    assert (job.outcome["images"], job.outcome["unreadable"]) == (3, 0)
    told = json.loads((job.results / "predictions.json").read_text())
    assert [one["id"] for one in told["categories"]] == [1, 2, 11]
    assert [one["isthing"] for one in told["categories"]] == [1, 1, 0]
    assert told["categories"][2]["color"] == [20, 20, 20], "as the label map of the training has it"
    assert told["annotations"] == json.loads((job.results / "results.json").read_text())
    assert all(one["score"] >= 0.4 for one in told["annotations"]), "model.object_mask_threshold"
    panoptic = json.loads((job.results / "panoptic.json").read_text())
    for image, one in zip(told["images"], panoptic["annotations"], strict=True):
        ids = read_panoptic(job.results / "masks" / one["file_name"])
        assert ids.shape == (120, 150)
        assert Image.open(job.results / "overlays" / one["file_name"]).size == (150, 120)
        results = [other for other in told["annotations"] if other["image_id"] == image["id"]]
        assert len(results) == len(one["segments_info"])
        for segment, result in zip(one["segments_info"], results, strict=True):
            mask = parse_rle(result["segmentation"]).mask()
            assert ((ids == segment["id"]) == mask).all()
            assert segment["area"] == result["area"] == mask.sum()
    assert (job.results / "predictions.png").is_file()
    assert (job.results / "labels.txt").read_text().split() == CLASSES


def test_thresholds_of_the_job_decide_what_is_told(bench, masker, scenes):
    parent = masker.parent("model_best.pth")
    strict = run(
        bench, "inference", parent, {"model.object_mask_threshold": 0.99}, inference_dataset=scenes["val"]
    )
    loose = run(
        bench, "inference", parent, {"model.object_mask_threshold": 0.1}, inference_dataset=scenes["val"]
    )
    assert strict.outcome["segments"] < loose.outcome["segments"]


def test_an_engine_measures_like_the_graph(bench, exported, scenes):
    datasets = {"eval_dataset": scenes["val"]}
    job = run(
        bench,
        "gen_trt_engine",
        exported.parent("model.onnx"),
        {"gen_trt_engine.tensorrt.max_batch_size": 8},
        **datasets,
    )
    before, after = (values["mIoU"] for values in job.outcome["accuracy"].values())
    assert after == pytest.approx(before, abs=0.02)


@pytest.mark.parametrize("mode", ["instance", "semantic"])
def test_other_modes_learn_from_instances_and_tell_what_they_find(bench, instances, mode):
    trained = train(bench, instances, {"model.mode": mode})
    metrics = trained.outcome["metrics"]
    assert "mIoU" in metrics
    assert ("val_mAP50" in metrics) == (mode == "instance")
    assert "val_PQ" not in metrics
    keys = {"model.object_mask_threshold": 0.0, "model.test_topk_per_image": 5}
    job = run(
        bench,
        "inference",
        trained.parent("model_latest.pth"),
        keys,
        inference_dataset=instances["val"],
    )
    told = json.loads((job.results / "predictions.json").read_text())
    assert {one["category_id"] for one in told["annotations"]} <= {1, 2}
    (first, *_) = sorted((job.results / "masks").iterdir())
    if mode == "semantic":
        values = np.asarray(Image.open(first))
        assert values.shape == (SIZE, SIZE)
        assert set(np.unique(values)) <= {1, 2}
    else:
        assert Image.open(first).mode == "RGB"
        assert all(count <= 5 for count in Counter(one["image_id"] for one in told["annotations"]).values())


def test_objects_alone_can_be_learnt_from_a_panoptic_dataset(bench, scenes):
    for keys in ({}, {f"dataset.{use}.type": "coco" for use in ("train", "val")}):
        trained = train(bench, scenes, {"model.mode": "instance", "train.iters_per_epoch": 1} | keys)
        saved = load_checkpoint(trained.results / "model_latest.pth")
        assert saved["classes"] == CLASSES[:2]
        torch.testing.assert_close(saved["model"]["legend.ids"], torch.tensor([1, 2]))
