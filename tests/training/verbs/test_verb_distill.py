"""Distillation: a student does no worse than alone, goes on where it stopped, and is a plain model."""

import pytest
import torch
from tests.training.jobs import SMALL, Bench, Finished

from tunesmith.protocol import DatasetInput
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError

STUDENT = SMALL | {
    "model.backbone.type": "test_efficientnet",
    "train.num_epochs": 3,
    "dataset.batch_size": 16,
}


@pytest.fixture(scope="module")
def alone(bench: Bench, digits: DatasetInput) -> Finished:
    return bench.run("train", STUDENT, train_datasets=(digits,), eval_dataset=digits)


def distilled(bench: Bench, digits: DatasetInput, trained: Finished, **keys) -> Finished:
    return bench.run(
        "distill",
        STUDENT | keys,
        train_datasets=(digits,),
        eval_dataset=digits,
        parent=trained.parent("model_best.pth"),
    )


def test_a_student_with_a_teacher_is_no_worse_than_alone(bench, digits, trained, alone):
    job = distilled(bench, digits, trained, **{"distill.loss_lambda": 0.7})
    assert job.outcome["best_metric"]["value"] >= alone.outcome["best_metric"]["value"]
    assert any("The teacher is test_resnet on images of 32 x 32" in note for note in job.notes)


@pytest.mark.parametrize("kind", ["CE", "L1", "L2", "FD", "CS"])
def test_every_comparison_brings_the_student_nearer(bench, digits, trained, kind):
    keys = {"distill.loss_type": kind, "distill.loss_lambda": 1.0, "train.num_epochs": 4}
    job = distilled(bench, digits, trained, **keys)
    apart = [
        event.values["train_teacher"] or 0.0
        for event in job.events
        if event.kind == "metrics" and event.epoch
    ]
    assert apart[-1] < apart[0]


def test_the_checkpoint_is_the_students_alone(bench, digits, trained):
    job = distilled(bench, digits, trained, **{"distill.loss_type": "FD", "train.num_epochs": 1})
    state = load_checkpoint(job.results / "model_latest.pth")
    assert set(state["extras"]) == {"bridge.weight", "bridge.bias"}
    assert all(name.startswith("net.") for name in state["model"])
    assert state["spec"]["model"]["backbone"]["type"] == "test_efficientnet"
    bench.run("evaluate", STUDENT, parent=job.parent("model_best.pth"), eval_dataset=digits)


def test_a_distillation_goes_on_as_if_it_had_not_stopped(bench, digits, trained):
    # A rate that does not fall, so that one epoch of one is one epoch of two.
    keys = {"distill.loss_type": "CS", "train.num_epochs": 2, "train.optim.policy": "step"}
    whole = distilled(bench, digits, trained, **keys)
    datasets = {"train_datasets": (digits,), "eval_dataset": digits}
    request = datasets | {"parent": trained.parent("model_best.pth")}
    first = bench.run("distill", STUDENT | keys | {"train.num_epochs": 1}, **request)
    again = bench.run(
        "distill",
        STUDENT | keys,
        folder=first.run.folder.root,
        job_id=first.run.request.job_id,
        attempt=2,
        **request,
    )
    there, here = (load_checkpoint(job.results / "model_latest.pth") for job in (whole, again))
    assert there["done"] == here["done"]
    for part in ("model", "extras"):
        assert all(torch.equal(value, here[part][name]) for name, value in there[part].items())


def test_the_teacher_may_be_a_file_of_the_workspace(bench, digits, trained):
    target = bench.workspace.path / "teachers" / "digits.pth"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes((trained.results / "model_best.pth").read_bytes())
    weights = bench.workspace.path / "teachers" / "weights.pth"
    torch.save(load_checkpoint(trained.results / "model_best.pth")["model"], weights)
    for name in ("digits.pth", "weights.pth"):
        keys = {
            "distill.pretrained_teacher_model_path": f"teachers/{name}",
            "distill.teacher.backbone.type": "test_resnet",
            "train.num_epochs": 1,
        }
        job = bench.run("distill", STUDENT | keys, train_datasets=(digits,), eval_dataset=digits)
        assert any("The teacher is test_resnet" in note for note in job.notes)


def test_a_teacher_of_another_size_sees_its_own_size(bench, digits, trained):
    job = distilled(bench, digits, trained, **{"dataset.img_size": 48, "train.num_epochs": 1})
    assert any("The teacher is test_resnet on images of 32 x 32" in note for note in job.notes)


def test_without_a_teacher_there_is_no_distillation(bench, digits):
    with pytest.raises(JobError, match="needs a parent job that left a model"):
        bench.run("distill", STUDENT, train_datasets=(digits,))
