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

LEARNING = {"train.num_epochs": 2, "train.checkpoint_interval": 2, "train.validation_interval": 2}
FEW = 6

# With likely pixels alone inside, some masks fall into parts, of which the smaller ones can be left out.
STRICT = {"train.mask_thres": [0.6]}


@pytest.fixture(scope="module")
def boxed(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    folder = tmp_path_factory.mktemp("boxed")
    write_objects(folder, 48, masks=False)
    return bench.dataset(folder, "boxed", BOXES)


@pytest.fixture(scope="module")
def few(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    """Enough to see that a training runs, and what it does with weights."""
    folder = tmp_path_factory.mktemp("few")
    write_objects(folder, FEW, masks=False)
    return bench.dataset(folder, "few-boxed", BOXES)


@pytest.fixture(scope="module")
def masked(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    folder = tmp_path_factory.mktemp("masked")
    write_objects(folder, 12, "val", masks=True)
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


@pytest.fixture(scope="module")
def plain(bench: Bench, labeller: Finished, masked: DatasetInput) -> Finished:
    return run(bench, "evaluate", labeller.parent("model_best.pth"), STRICT, eval_dataset=masked)


@pytest.mark.parametrize(
    "key", ["use_teacher_test", "use_mixed_model_test", "use_flip_test", "comp_clustering"]
)
def test_every_way_of_making_masks_makes_others(bench, labeller, masked, plain, key):
    changes = STRICT | {f"evaluate.{key}": True}
    other = run(bench, "evaluate", labeller.parent("model_best.pth"), changes, eval_dataset=masked)
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
    assert len(list((job.results / "overlays").iterdir())) == 12
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


def test_boxes_alone_are_labelled_but_not_evaluated_on(bench, labeller, few):
    job = run(bench, "inference", labeller.parent("model_best.pth"), inference_dataset=few)
    assert job.outcome["images"] == FEW
    assert "mIoU" not in job.outcome
    with pytest.raises(DatasetError, match="has no masks to evaluate on"):
        run(bench, "evaluate", labeller.parent("model_best.pth"), eval_dataset=few)


def test_without_masks_a_training_is_judged_by_its_loss(bench, few, masked):
    specs = SMALL_MAL | {"dataset.load_mask": False}
    job = bench.run("train", specs, network="mal", train_datasets=(few,), eval_dataset=masked)
    assert job.outcome["best_metric"]["name"] == "train_loss"
    assert "mIoU" not in job.outcome["metrics"]


def test_a_training_begins_with_a_labeller_of_the_workspace(bench, labeller, few):
    prefix = labeller.run.request.results.location.prefix
    before = load_checkpoint(labeller.results / "model_best.pth")["model"]
    after = begun_with(bench, few, f"{prefix}/model_best.pth")
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    weight = "net.blocks.0.attn.qkv.weight"
    assert not torch.equal(after[f"student.{weight}"], after[f"teacher.{weight}"])


def test_student_and_teacher_begin_with_an_encoder_of_the_workspace(bench, few):
    published = timm.create_model("test_vit").state_dict()
    save_file(published, bench.workspace.path / "encoder.safetensors")
    after = begun_with(bench, few, "encoder.safetensors")
    blocks = {name: weight for name, weight in published.items() if name.startswith("blocks.")}
    for one in ("student", "teacher"):
        found = {name: after[f"{one}.net.{name}"] for name in blocks}
        torch.testing.assert_close(found, blocks, rtol=0, atol=0)


def begun_with(bench: Bench, data: DatasetInput, file: str) -> dict[str, torch.Tensor]:
    """The weights after a training in which neither student nor teacher moves."""
    still = {"train.lr": 0.0, "model.teacher_momentum": 1.0}
    specs = SMALL_MAL | still | {"train.pretrained_model_path": file}
    job = bench.run("train", specs, network="mal", train_datasets=(data,))
    found: dict[str, torch.Tensor] = load_checkpoint(job.results / "model_latest.pth")["model"]
    return found


def tmp_path_of(dataset: DatasetInput) -> Path:
    assert isinstance(dataset.source.store, FolderStore)
    return dataset.source.store.path
