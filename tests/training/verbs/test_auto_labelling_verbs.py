"""Masks learnt from boxes, from training to annotations that can be trained on."""

import json
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.training.jobs import Bench, Finished
from tests.training.objects import BOXES, SMALL_MAL, write_objects

from tunesmith.data.coco_data import CocoData
from tunesmith.data.errors import DatasetError
from tunesmith.protocol import DatasetInput, Metrics
from tunesmith.storage.locations import FolderStore
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.tasks.datasets import fetched

LEARNING = {"train.num_epochs": 2, "train.checkpoint_interval": 2}


@pytest.fixture(scope="module")
def boxed(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    folder = tmp_path_factory.mktemp("boxed")
    write_objects(folder, 60, masks=False)
    return bench.dataset(folder, "boxed", BOXES)


@pytest.fixture(scope="module")
def masked(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    folder = tmp_path_factory.mktemp("masked")
    write_objects(folder, 16, "val", masks=True)
    return bench.dataset(folder, "masked", BOXES)


@pytest.fixture(scope="module")
def labeller(bench: Bench, boxed: DatasetInput, masked: DatasetInput) -> Finished:
    """A small model, trained from boxes until its masks are clearly better than they."""
    specs = SMALL_MAL | LEARNING
    return bench.run("train", specs, network="mal", train_datasets=(boxed,), eval_dataset=masked)


def run(bench: Bench, action: str, parent, changes=None, **request) -> Finished:
    # The structure comes from the checkpoint: the job's own spec names another encoder.
    keys = ("dataset.num_workers_per_gpu", "evaluate.batch_size", "inference.batch_size")
    specs = {key: SMALL_MAL[key] for key in keys} | (changes or {})
    return bench.run(action, specs, network="mal", parent=parent, **request)


def test_masks_learnt_from_boxes_are_better_than_boxes(labeller):
    assert labeller.outcome["best_metric"]["name"] == "mIoU"
    assert labeller.outcome["metrics"]["val_gain_over_boxes"] > 0.1
    reported = [event for event in labeller.events if isinstance(event, Metrics)][-1]
    assert set(reported.per_category["IoU"]) == {"two", "four", "six", "seven"}
    assert {"train_loss", "train_loss_mil", "train_loss_crf", "mIoU", "val_box_mIoU"} <= set(reported.values)


def test_an_evaluation_measures_what_the_training_measured(bench, labeller, masked):
    job = run(bench, "evaluate", labeller.parent("model_best.pth"), eval_dataset=masked)
    assert job.outcome["metrics"]["mIoU"] == pytest.approx(labeller.outcome["metrics"]["mIoU"], abs=1e-5)
    figures = json.loads((job.results / "metrics.json").read_text())
    assert figures["mIoU"] - figures["box_mIoU"] == pytest.approx(figures["gain_over_boxes"])
    assert Image.open(job.results / "evaluation.png").size[0] > 300


@pytest.mark.parametrize(
    "key", ["use_teacher_test", "use_mixed_model_test", "use_flip_test", "comp_clustering"]
)
def test_every_way_of_making_masks_makes_others(bench, labeller, masked, key):
    # With every pixel of a fair chance inside, there are loose parts to leave out.
    threshold = {"train.mask_thres": [0.3]}
    plain, other = (
        run(bench, "evaluate", labeller.parent("model_best.pth"), changes | threshold, eval_dataset=masked)
        for changes in ({}, {f"evaluate.{key}": True})
    )
    assert other.outcome["metrics"]["mIoU"] != plain.outcome["metrics"]["mIoU"]
    assert other.outcome["metrics"]["mIoU"] > 0.3


def test_an_inference_writes_annotations_that_can_be_trained_on(bench, labeller, masked, tmp_path):
    changes = {"inference.label_dump_path": "folder/found.json", "inference.load_mask": True}
    job = run(bench, "inference", labeller.parent("model_best.pth"), changes, inference_dataset=masked)
    assert job.outcome["annotations"] == "found.json"
    assert job.outcome["mIoU"] == pytest.approx(labeller.outcome["metrics"]["mIoU"], abs=0.02)
    given = json.loads((tmp_path_of(masked) / "annotations.json").read_text())
    found = json.loads((job.results / "found.json").read_text())
    assert [one["bbox"] for one in found["annotations"]] == [one["bbox"] for one in given["annotations"]]
    assert len(list((job.results / "overlays").iterdir())) == 16
    (tmp_path / "images.tar.gz").write_bytes((tmp_path_of(masked) / "images.tar.gz").read_bytes())
    (tmp_path / "annotations.json").write_bytes((job.results / "found.json").read_bytes())
    again = bench.dataset(tmp_path, "labelled", BOXES)
    data = CocoData.open(fetched(job.run, again).folder, masks=True)
    assert len(data.annotated) == len(given["annotations"])
    for row in range(len(data.annotated)):
        mask = data.annotated.mask(row)
        assert mask is not None
        assert mask.sum() == found["annotations"][row]["area"]
    # What was labelled can be evaluated against: the model agrees with itself.
    measured = run(bench, "evaluate", labeller.parent("model_best.pth"), eval_dataset=again)
    assert measured.outcome["metrics"]["mIoU"] > 0.9


def test_boxes_alone_are_labelled_but_not_evaluated_on(bench, labeller, boxed):
    job = run(bench, "inference", labeller.parent("model_best.pth"), inference_dataset=boxed)
    assert job.outcome["images"] == 60
    assert "mIoU" not in job.outcome
    with pytest.raises(DatasetError, match="has no masks to evaluate on"):
        run(bench, "evaluate", labeller.parent("model_best.pth"), eval_dataset=boxed)


def test_without_masks_a_training_is_judged_by_its_loss(bench, boxed, masked):
    specs = SMALL_MAL | {"dataset.load_mask": False, "dataset.min_obj_size": 1000.0}
    job = bench.run("train", specs, network="mal", train_datasets=(boxed,), eval_dataset=masked)
    assert job.outcome["best_metric"]["name"] == "train_loss"
    assert "mIoU" not in job.outcome["metrics"]


def test_a_training_begins_with_weights_of_the_workspace(bench, labeller, boxed):
    prefix = labeller.run.request.results.location.prefix
    before = load_checkpoint(labeller.results / "model_best.pth")["model"]
    published = timm.create_model("test_vit3").state_dict()
    save_file(published, bench.workspace.path / "encoder.safetensors")
    small = SMALL_MAL | {"train.lr": 0.0, "dataset.min_obj_size": 1000.0, "dataset.load_mask": False}
    for file, weights in ((f"{prefix}/model_best.pth", before), ("encoder.safetensors", published)):
        specs = small | {"train.pretrained_model_path": file}
        job = bench.run("train", specs, network="mal", train_datasets=(boxed,))
        after = load_checkpoint(job.results / "model_latest.pth")["model"]
        name = "blocks.0.attn.qkv.weight"
        wanted = weights[f"student.net.{name}"] if f"student.net.{name}" in weights else weights[name]
        torch.testing.assert_close(after[f"student.net.{name}"], wanted, rtol=0, atol=0)
        torch.testing.assert_close(after[f"teacher.net.{name}"], wanted, rtol=0, atol=1e-6)


def tmp_path_of(dataset: DatasetInput) -> Path:
    assert isinstance(dataset.source.store, FolderStore)
    return dataset.source.store.path
