"""Trainings that go on from a checkpoint which their spec names, and choose their best one by its metric."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from tests.training.jobs import SMALL, Bench, Finished, nested

from tunesmith.networks import get_network, networks
from tunesmith.protocol import DatasetInput, Direction, MetricGoal, Metrics
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.engine.checkpoints import load_checkpoint, save_model
from tunesmith.training.failures import JobError
from tunesmith.training.verbs.job import Job, monitored
from tunesmith.training.verbs.resuming import RESUME

HALFWAY = "model_epoch_006.pth"


def results_of(job: Finished) -> str:
    target = job.run.request.results
    assert target
    return target.location.prefix


def goes_on(bench: Bench, trained: Finished, digits: DatasetInput, named: str, **keys: Any) -> Finished:
    """A new job with the specs of the finished one, which begins with a checkpoint."""
    specs = deepcopy(trained.run.request.specs) | {RESUME: named} | keys
    return bench.run("train", specs, train_datasets=(digits,), eval_dataset=digits)


def measured(job: Finished) -> dict[int, dict[str, float | None]]:
    events = [event for event in job.events if isinstance(event, Metrics)]
    return {event.epoch: event.values for event in events if event.epoch is not None}


def test_the_rest_of_a_training_is_as_if_it_had_not_ended(bench, trained, digits):
    named = f"{results_of(trained)}/{HALFWAY}"
    job = goes_on(bench, trained, digits, named)
    assert any(f"goes on after epoch 6, step 0 of the next one, from {named}" in note for note in job.notes)
    curves, whole = measured(job), measured(trained)
    assert list(curves) == [7, 8]
    assert {epoch: values["train_loss"] for epoch, values in curves.items()} == {
        epoch: whole[epoch]["train_loss"] for epoch in (7, 8)
    }
    ends = [load_checkpoint(one.results / "model_latest.pth")["model"] for one in (job, trained)]
    assert all(torch.equal(ends[0][name], weight) for name, weight in ends[1].items())


def test_what_cannot_be_gone_on_from_is_refused(bench, trained, digits):
    named = f"{results_of(trained)}/{HALFWAY}"
    with pytest.raises(SpecError, match=r"train\.optim\.lr: must be 0\.002, as in the checkpoint of"):
        goes_on(bench, trained, digits, named, **{"train.optim.lr": 0.1})
    with pytest.raises(JobError, match=r"The workspace holds no file 'gone\.pth'"):
        goes_on(bench, trained, digits, "gone.pth")
    model = {"network": "classification_pyt", "model": {}, "done": {"epochs": 0, "steps": 0}}
    save_model(model, bench.workspace.path / "pruned.pth")
    with pytest.raises(JobError, match=r"pruned\.pth is a model alone"):
        goes_on(bench, trained, digits, "pruned.pth")
    save_model(model | {"network": "segformer", "optimizer": {}}, bench.workspace.path / "other.pth")
    with pytest.raises(
        SpecError, match="must name a checkpoint of classification_pyt; this one is of segformer"
    ):
        goes_on(bench, trained, digits, "other.pth")


def test_the_metric_of_the_spec_goes_before_the_experiments(bench):
    network = get_network("classification_pyt")
    asked = MetricGoal(name="val_acc_1", direction=Direction.MAXIMIZE)
    run = bench.prepare("train", SMALL, metric=asked)

    def goal(**optim: str) -> MetricGoal:
        spec = validate_spec(network.spec, nested(SMALL) | {"train": {"optim": optim}})
        return Job(run, network, spec, torch.device("cpu")).goal

    assert goal() == asked
    assert goal(monitor_name="val_loss") == asked  # the published default, which clients send back
    assert goal(monitor_name="train_loss") == MetricGoal(name="train_loss", direction=Direction.MINIMIZE)
    assert goal(monitor_name="val_acc_5") == MetricGoal(name="val_acc_5", direction=Direction.MAXIMIZE)


def test_it_is_read_of_every_network_that_has_the_key():
    for network in networks().values():
        keys = [path for path, _ in network.spec.leaves() if path.endswith("monitor_name")]
        assert keys in ([], ["train.optim.monitor_name"])
        assert bool(monitored(network.spec())) == bool(keys)
