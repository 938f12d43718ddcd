"""Training: it learns, says what it does, and keeps the right checkpoints."""

import json
from typing import Any

import pytest
import torch
from tests.training.jobs import SMALL, Finished, events_of, notes_of

from tunesmith.protocol import (
    Cause,
    CheckpointSaved,
    Direction,
    MetricGoal,
    Metrics,
    Progress,
)
from tunesmith.specs import SpecError
from tunesmith.training.actions import run_action
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError


def epochs_of(job: Finished) -> list[Any]:
    return [event for event in job.events if isinstance(event, Metrics) and event.epoch]


def test_a_training_learns_far_above_chance(trained):
    assert trained.outcome["best_metric"]["value"] > 0.85  # chance is 0.1
    losses = [event.values["train_loss"] for event in epochs_of(trained)]
    assert losses[-1] < 0.3 * losses[0]


def test_each_epoch_reports_its_metrics(trained):
    first = epochs_of(trained)[0]
    assert set(first.values) == {"train_loss", "lr", "val_loss", "val_acc_1", "val_acc_5"}
    assert first.values["val_acc_5"] >= first.values["val_acc_1"]
    assert set(first.per_category["accuracy"]) == set("0123456789")


def test_the_results_are_those_of_the_best_epoch(trained):
    results = next(event for event in trained.events if isinstance(event, Metrics) and event.epoch is None)
    best = max(epochs_of(trained), key=lambda event: event.values["val_acc_1"])
    assert results.values == best.values == trained.outcome["metrics"]
    assert trained.outcome["best_epoch"] == best.epoch


def test_kept_epochs_follow_the_interval_and_the_last_is_always_kept(trained):
    kept = sorted(path.name for path in trained.results.glob("model_epoch_*.pth"))
    assert kept == ["model_epoch_003.pth", "model_epoch_006.pth", "model_epoch_008.pth"]
    assert [event.epoch for event in trained.events if isinstance(event, CheckpointSaved)] == list(
        range(1, 9)
    )


def test_the_latest_checkpoint_costs_no_second_copy(trained):
    latest, last = trained.results / "model_latest.pth", trained.results / "model_epoch_008.pth"
    assert latest.samefile(last)


def test_the_best_checkpoint_is_the_best_epoch(trained):
    best = load_checkpoint(trained.results / "model_best.pth")
    assert best["done"]["epochs"] == trained.outcome["best_epoch"]
    assert best["classes"] == [str(digit) for digit in range(10)]
    assert best["model_name"] == "digit reader"


def test_checkpoints_are_published(trained, bench):
    published = bench.workspace.path / trained.run.request.results.location.prefix
    assert (published / "model_best.pth").read_bytes() == (trained.results / "model_best.pth").read_bytes()


def test_progress_names_epoch_step_and_remaining_time(trained):
    told = [event for event in trained.events if isinstance(event, Progress)]
    assert {event.max_epoch for event in told} == {8}
    assert {event.steps_per_epoch for event in told} == {19}  # 300 images in batches of 16
    assert told[-1].eta is not None
    assert told[-1].seconds_per_epoch is not None


def test_the_log_has_a_line_an_epoch_and_a_head(bench, digits, capsys):
    bench.run("train", SMALL, train_datasets=(digits,), eval_dataset=digits)
    log = capsys.readouterr().out.splitlines()
    assert [line for line in log if line.startswith("epoch 1/1")]
    head = "\n".join(log[:6])
    for fact in ("test_resnet", "32 x 32 pixels", "processor, 1 thread", "fp32", "300 images", "10 classes"):
        assert fact in head


def test_the_same_seed_gives_the_same_model_whatever_loads_the_data(bench, digits):
    varied = SMALL | {"dataset.augmentation.random_flip.enable": True}
    models = [
        load_checkpoint(
            bench.run("train", varied | change, train_datasets=(digits,), eval_dataset=digits).results
            / "model_latest.pth"
        )["model"]
        for change in ({}, {"dataset.workers": 1}, {"train.seed": 7})
    ]
    assert all(torch.equal(one, models[1][name]) for name, one in models[0].items())
    assert not all(torch.equal(one, models[2][name]) for name, one in models[0].items())


def test_seed_minus_one_takes_a_new_seed_and_says_which(bench, digits, capsys):
    seeds = set()
    for _ in range(2):
        job = bench.run("train", SMALL | {"train.seed": -1}, train_datasets=(digits,), eval_dataset=digits)
        seed = load_checkpoint(job.results / "model_latest.pth")["seed"]
        assert f"seed {seed}" in capsys.readouterr().out
        seeds.add(seed)
    assert len(seeds) == 2


def test_a_minimised_metric_chooses_the_smallest(bench, digits):
    goal = MetricGoal(name="val_loss", direction=Direction.MINIMIZE)
    # A learning rate that rises from nothing to far too much: the last epoch is not the best.
    specs = SMALL | {"train.num_epochs": 4, "train.optim.lr": 1.0, "train.optim.warmup_epochs": 8}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits, metric=goal)
    losses = {event.epoch: event.values["val_loss"] for event in epochs_of(job)}
    assert job.outcome["best_epoch"] == min(losses, key=losses.__getitem__)
    assert job.outcome["best_metric"]["value"] == min(losses.values())


def test_an_unknown_metric_gives_way_to_the_networks_own(bench, digits):
    goal = MetricGoal(name="mAP", direction=Direction.MAXIMIZE)
    job = bench.run("train", SMALL, train_datasets=(digits,), eval_dataset=digits, metric=goal)
    assert job.outcome["best_metric"]["name"] == "val_acc_1"
    assert any("mAP is not measured here" in note for note in job.notes)


def test_validation_follows_its_interval_and_the_last_epoch_is_validated(bench, digits):
    specs = SMALL | {"train.num_epochs": 3, "train.validation_interval": 2}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    assert ["val_loss" in event.values for event in epochs_of(job)] == [False, True, True]


def test_averaged_weights_are_validated_and_saved(bench, digits):
    specs = SMALL | {"train.enable_ema": True, "train.ema_decay": 0.5, "train.num_epochs": 2}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    saved = load_checkpoint(job.results / "model_best.pth")
    name = "net.conv1.0.weight" if "net.conv1.0.weight" in saved["model"] else next(iter(saved["model"]))
    assert not torch.equal(saved["model"][name], saved["ema"]["model"][name])
    evaluated = bench.run("evaluate", specs, parent=job.parent("model_best.pth"), eval_dataset=digits)
    best = job.outcome["metrics"]["val_loss"]
    assert evaluated.outcome["metrics"]["val_loss"] == pytest.approx(best, rel=1e-4)


def test_a_frozen_backbone_stays_bit_by_bit(bench, digits):
    specs = SMALL | {"model.backbone.freeze_backbone": True, "train.num_epochs": 2}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    first, last = (load_checkpoint(job.results / f"model_epoch_00{epoch}.pth")["model"] for epoch in (1, 2))
    changed = {name for name in first if not torch.equal(first[name], last[name])}
    assert changed == {"net.fc.weight", "net.fc.bias"}


def test_a_logistic_head_is_fitted_on_frozen_features_in_one_pass(bench, digits):
    specs = SMALL | {"model.head.type": "LogisticRegressionHead", "train.num_epochs": 5}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    assert job.outcome["epochs"] == 1
    assert job.outcome["metrics"]["val_acc_1"] > 0.6  # on the features of a random network
    assert any("Nothing is left to learn step by step" in note for note in job.notes)


def test_bf16_learns_as_well(bench, digits):
    specs = SMALL | {"train.precision": "bf16", "train.num_epochs": 3, "dataset.batch_size": 16}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    losses = [event.values["train_loss"] for event in epochs_of(job)]
    assert losses[-1] < losses[0]
    assert load_checkpoint(job.results / "model_best.pth")["numerics"]["precision"] == "bf16"


def test_fp16_is_computed_in_bf16_on_a_processor_and_said_so(bench, digits):
    job = bench.run(
        "train", SMALL | {"train.precision": "fp16"}, train_datasets=(digits,), eval_dataset=digits
    )
    assert any("fp16 needs a GPU" in note for note in job.notes)


def test_auto_precision_says_what_it_measured(bench, digits):
    job = bench.run(
        "train", SMALL | {"train.precision": "auto"}, train_datasets=(digits,), eval_dataset=digits
    )
    (note,) = [note for note in job.notes if "auto chose" in note]
    assert "fp32: " in note
    assert "bf16" in note


def test_a_training_that_diverges_names_epoch_and_step(bench, digits):
    specs = SMALL | {"train.optim.optim": "sgd", "train.optim.lr": 1e20, "train.clip_grad_norm": 0.0}
    with pytest.raises(JobError, match=r"diverged: .* in epoch 1, step \d+") as failed:
        bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    assert failed.value.cause is Cause.DIVERGED
    assert "train.optim.lr" in failed.value.advice


def test_keys_that_do_nothing_are_named_once(bench, digits):
    specs = SMALL | {"model.head.in_channels": 7, "wandb.reinit": True}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    (note,) = [note for note in job.notes if "do nothing here" in note]
    assert "model.head.in_channels (the width is the backbone's own)" in note
    assert "wandb.reinit" in note


def test_the_nearest_backbone_is_named(bench, digits):
    specs = SMALL | {"model.backbone.type": "fan_tiny_8_p4_hybrid", "dataset.batch_size": 100}
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    assert any("built as timm's xcit_tiny_12_p16_224" in note for note in job.notes)


def test_tensorboard_files_hold_curves_and_images(bench, digits):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    specs = SMALL | {
        "train.num_epochs": 2,
        "train.tensorboard.enabled": True,
        "train.tensorboard.infrequent_logging_frequency": 2,
    }
    job = bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)
    board = EventAccumulator(str(job.results / "tensorboard"))
    board.Reload()
    assert [point.step for point in board.Scalars("val_acc_1")] == [1, 2]
    assert [picture.step for picture in board.Images("training images")] == [2]
    assert not (bench.run("train", SMALL, train_datasets=(digits,)).results / "tensorboard").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset.num_classes": 7}, r"dataset.num_classes: must be the number of classes .* 10"),
        ({"model.head.binary": True}, r"model.head.binary: needs two classes, not 10"),
        ({"model.backbone.type": "timm/no_such_model"}, r"model.backbone.type: timm .* no such model"),
        ({"model.head.custom_args": {"wings": 2}}, r"model.head.custom_args: timm cannot build test_resnet"),
        (
            {"model.backbone.type": "xcit_nano_12_p16_224", "dataset.img_size": 40},
            "dataset.img_size: timm cannot build xcit_nano_12_p16_224 with it: .*patch_size",
        ),
        ({"dataset.augmentation.mean": [0.5]}, r"dataset.augmentation.mean: must hold three numbers"),
        ({"dataset.img_size": 4}, r"dataset.img_size: must be at least 8"),
        ({"train.optim.betas": [0.9]}, r"train.optim.betas: must hold two numbers"),
        ({"model.head.topk": [0]}, r"model.head.topk"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused_by_its_key(bench, digits, change, message):
    with pytest.raises(SpecError, match=message):
        bench.run("train", SMALL | change, train_datasets=(digits,), eval_dataset=digits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train.optim.policy": "step", "train.optim.policy_params": {"step_size": 0}}, "step_size must be"),
        (
            {"model.backbone.type": "inception_v3", "dataset.img_size": 16},
            "inception_v3 on images of 16 x 16 pixels fails with: .*[Kk]ernel size",
        ),
        ({"dataset.batch_size": 1}, "Expected more than 1 value per channel"),
    ],
)
def test_what_cannot_work_fails_before_the_first_epoch(bench, digits, change, message):
    run = bench.prepare("train", SMALL | change, train_datasets=(digits,), eval_dataset=digits)
    with pytest.raises(JobError, match=message) as failed:
        run_action(run)
    assert failed.value.cause is Cause.BAD_SPEC
    assert not [event for event in events_of(run) if isinstance(event, Progress)]


def test_custom_arguments_reach_the_backbone(bench, digits):
    specs = SMALL | {"model.head.custom_args": {"drop_rate": 0.9}}
    with_dropout, without = (
        bench.run("train", one, train_datasets=(digits,), eval_dataset=digits) for one in (specs, SMALL)
    )
    assert with_dropout.outcome["metrics"]["train_loss"] != without.outcome["metrics"]["train_loss"]


def test_an_unknown_action_and_an_unknown_network_are_refused(bench, digits):
    with pytest.raises(JobError, match="no action 'dance'"):
        bench.run("dance", SMALL)
    run = bench.prepare("train", SMALL, train_datasets=(digits,))
    request = json.loads(run.folder.request_path.read_text())
    run.folder.request_path.write_text(json.dumps(request | {"network": "nonet"}))
    with pytest.raises(JobError, match="'nonet' is not available"):
        run_action(type(run)(run.folder))
    assert notes_of(run) == []
