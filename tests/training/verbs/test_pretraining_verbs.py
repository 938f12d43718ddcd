"""Learning without labels, from training to embeddings; then with labels, on top of it."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.jobs import Bench, Finished
from tests.training.unlabelled import SIDE, SMALL_MAE, SSL, TUNED, write_unlabelled_digits

from tunesmith.data.errors import DatasetError
from tunesmith.data.scenes import archive, png
from tunesmith.protocol import DatasetInput, Metrics
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError

WIDTH = 64


@pytest.fixture(scope="module")
def unlabelled(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    folder = tmp_path_factory.mktemp("unlabelled")
    write_unlabelled_digits(folder)
    return bench.dataset(folder, "digits-unlabelled", SSL)


@pytest.fixture(scope="module")
def few(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    """Enough to see that a training runs, and what it does with weights."""
    folder = tmp_path_factory.mktemp("few")
    write_unlabelled_digits(folder, train=32, val=16, test=1)
    return bench.dataset(folder, "few-unlabelled", SSL)


@pytest.fixture(scope="module")
def pretrained(bench: Bench, unlabelled: DatasetInput) -> Finished:
    """A small encoder, trained until the loss has halved."""
    specs = SMALL_MAE | LEARNING
    return bench.run("train", specs, network="mae", train_datasets=(unlabelled,), eval_dataset=unlabelled)


LEARNING = {
    "train.num_epochs": 5,
    "train.optim.lr": 2e-3,
    "train.mask_ratio": 0.5,
    "train.norm_pix_loss": False,
    "train.validation_interval": 1,
    "train.checkpoint_interval": 5,
}


@pytest.fixture(scope="module")
def measured(bench: Bench, pretrained: Finished, unlabelled: DatasetInput) -> Finished:
    return run(bench, "evaluate", pretrained.parent("model_best.pth"), eval_dataset=unlabelled)


@pytest.fixture(scope="module")
def exported(bench: Bench, pretrained: Finished, unlabelled: DatasetInput) -> Finished:
    return run(bench, "export", pretrained.parent("model_best.pth"), eval_dataset=unlabelled)


def run(bench: Bench, action: str, parent, changes=None, **request) -> Finished:
    # The structure comes from the checkpoint: the job's own spec names another encoder.
    specs = SMALL_MAE | {"model.arch": "convnextv2_atto"} | (changes or {})
    return bench.run(action, specs, network="mae", parent=parent, **request)


def curve(job: Finished, name: str) -> list[Any]:
    reported = [event for event in job.events if isinstance(event, Metrics) and event.epoch]
    return [value for event in reported if (value := event.values.get(name)) is not None]


def test_the_loss_halves_on_images_learnt_from_and_on_others(pretrained, measured):
    assert pretrained.outcome["best_metric"]["name"] == "train_loss"
    losses = curve(pretrained, "train_loss")
    assert losses[-1] < losses[0] / 2
    assert measured.outcome["metrics"]["val_loss"] < losses[0] / 2


def test_a_probe_is_fitted_where_folders_name_classes(measured):
    figures = json.loads((measured.results / "metrics.json").read_text())
    assert figures["images"] == 200
    assert figures["probed_classes"] == [str(digit) for digit in range(10)]
    assert measured.outcome["metrics"]["val_probe_acc"] > 0.3, "by chance it is 0.1"


def test_every_form_of_the_model_measures_the_same(bench, pretrained, measured, exported, unlabelled):
    graph = run(bench, "evaluate", exported.parent("model.onnx"), eval_dataset=unlabelled)
    for job in (measured, graph):
        assert job.outcome["metrics"]["val_loss"] == pytest.approx(
            pretrained.outcome["metrics"]["val_loss"], abs=1e-3
        )
        assert Image.open(job.results / "evaluation.png").size[0] > 3 * SIDE


def test_the_graph_agrees_with_torch_at_every_batch_and_size(bench, pretrained, exported, unlabelled):
    assert exported.outcome["outputs"] == ["embedding", "patches"]
    assert exported.outcome["onnx_max_abs_diff"] < 1e-3
    changes = {"export.input_width": 96, "export.input_height": 128, "export.input_channel": 1}
    job = run(bench, "export", pretrained.parent("model_best.pth"), changes, eval_dataset=unlabelled)
    assert job.outcome["input"]["shape"] == [1, 128, 96]
    assert {one["batch_size"] for one in job.outcome["differences"]} == {1, 3}
    measured = run(bench, "evaluate", job.parent("model.onnx"), eval_dataset=unlabelled)
    assert measured.outcome["engine"] == "ONNX Runtime"
    assert measured.outcome["metrics"]["val_loss"] > 0


def test_images_become_embeddings_and_pictures(bench, pretrained, unlabelled):
    job = run(bench, "inference", pretrained.parent("model_best.pth"), inference_dataset=unlabelled)
    assert (job.outcome["images"], job.outcome["embedding_width"]) == (20, WIDTH)
    found = np.load(job.results / "embeddings.npz")
    assert found["embeddings"].shape == (20, WIDTH)
    rows = list(csv.DictReader((job.results / "predictions.csv").open()))
    assert [row["file"] for row in rows] == found["files"].tolist()
    assert all(float(row["loss"]) > 0 for row in rows)
    assert Image.open(job.results / "predictions.png").size[0] > 3 * SIDE


def test_an_engine_has_the_loss_of_its_graph(bench, pretrained, exported, unlabelled):
    changes = {"gen_trt_engine.tensorrt.max_batch_size": 8}
    job = run(
        bench,
        "gen_trt_engine",
        exported.parent("model.onnx"),
        changes,
        train_datasets=(unlabelled,),
        eval_dataset=unlabelled,
    )
    before, after = (values["val_loss"] for values in job.outcome["accuracy"].values())
    assert after == pytest.approx(before, abs=1e-3)
    measured = run(bench, "evaluate", job.parent("model.engine"), eval_dataset=unlabelled)
    assert measured.outcome["metrics"]["val_loss"] == pytest.approx(
        pretrained.outcome["metrics"]["val_loss"], abs=1e-3
    )


@pytest.fixture(scope="module")
def tuned(bench: Bench, pretrained: Finished, unlabelled: DatasetInput) -> Finished:
    return bench.run(
        "train",
        SMALL_MAE | TUNED | {"train.num_epochs": 8},
        network="mae",
        train_datasets=(unlabelled,),
        eval_dataset=unlabelled,
        parent=pretrained.parent("model_best.pth"),
    )


def test_fine_tuning_goes_on_from_its_parent_and_learns_the_folders(bench, tuned, unlabelled):
    (said,) = (note for note in tuned.notes if "the parent's model_best.pth" in note)
    assert "are not in it (net.head.weight, net.head.bias)" in said
    assert tuned.outcome["metrics"]["val_acc_1"] > 0.5, "by chance it is 0.1"
    measured = run(bench, "evaluate", tuned.parent("model_best.pth"), eval_dataset=unlabelled)
    assert measured.outcome["metrics"]["val_acc_1"] == pytest.approx(
        tuned.outcome["metrics"]["val_acc_1"], abs=1e-6
    )
    predicted = run(bench, "inference", tuned.parent("model_best.pth"), inference_dataset=unlabelled)
    assert predicted.outcome["images"] == 20
    graph = run(bench, "export", tuned.parent("model_best.pth"), eval_dataset=unlabelled)
    assert graph.outcome["outputs"] == ["logits", "probs"]
    assert graph.outcome["onnx_max_abs_diff"] < 1e-3


def test_weights_of_the_workspace_fill_both_stages(bench, pretrained, few):
    prefix = pretrained.run.request.results.location.prefix
    before = load_checkpoint(pretrained.results / "model_best.pth")["model"]
    for stage in ({}, TUNED):
        keys = {"train.pretrained_model_path": f"{prefix}/model_best.pth", "train.optim.lr": 1e-9}
        job = bench.run(
            "train",
            SMALL_MAE | stage | keys,
            network="mae",
            train_datasets=(few,),
        )
        after = load_checkpoint(job.results / "model_latest.pth")["model"]
        for name in before.keys() & after.keys():
            torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-4)


def test_a_parent_of_another_architecture_is_refused(bench, pretrained, few):
    with pytest.raises(JobError, match=r"No weight of the parent's model_best\.pth fits timm/test_convnext2"):
        bench.run(
            "train",
            SMALL_MAE | TUNED | {"model.arch": "timm/test_convnext2"},
            network="mae",
            train_datasets=(few,),
            parent=pretrained.parent("model_best.pth"),
        )


def test_images_without_folders_can_be_learnt_from_but_not_classified(bench, tmp_path: Path):
    images = {f"images_train/{place}.png": png_of(place) for place in range(12)}
    (tmp_path / "images_train.tar.gz").write_bytes(archive(images))
    loose = bench.dataset(tmp_path, "loose", SSL)
    job = bench.run("train", SMALL_MAE, network="mae", train_datasets=(loose,))
    assert any("held out for validation" in note for note in job.notes)
    measured = run(bench, "evaluate", job.parent("model_latest.pth"), eval_dataset=loose)
    assert set(measured.outcome["metrics"]) == {"val_loss"}
    with pytest.raises(DatasetError, match="lay the images in a folder for each class"):
        bench.run("train", SMALL_MAE | TUNED, network="mae", train_datasets=(loose,))


def png_of(place: int) -> bytes:
    return png(np.random.default_rng(place).integers(0, 255, (SIDE, SIDE, 3), np.uint8))
