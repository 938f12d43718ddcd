"""A training that is stopped, or killed while it writes, goes on as if nothing had happened."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from tests.training.jobs import SMALL, Bench, Finished
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from tunesmith.networks.classification_pyt.model import Classifier
from tunesmith.protocol import Cause, DatasetInput, Metrics
from tunesmith.training.actions import run_action
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError, StoppedError

# Dropout, augmentation, averaged weights and a momentum each have a state of their own to keep.
SPEC = SMALL | {
    "train.num_epochs": 3,
    "train.enable_ema": True,
    "model.head.custom_args": {"drop_rate": 0.2},
    "dataset.augmentation.random_flip.enable": True,
    "dataset.augmentation.random_erase.enable": True,
}
STEPS = 10  # 300 images in batches of 32


@contextmanager
def stop_after_steps(stop: threading.Event, steps: int) -> Iterator[None]:
    """Ask for a stop when the optimiser has made so many steps."""
    made = 0

    def count(*_: Any) -> None:
        nonlocal made
        made += 1
        if made == steps:
            stop.set()

    hook = register_optimizer_step_post_hook(count)
    yield
    hook.remove()


@contextmanager
def stop_in_validation(stop: threading.Event) -> Iterator[None]:
    """Ask for a stop in the middle of the first validation; two batches are predicted before the training."""
    predicted = 0

    def count(module: torch.nn.Module, *_: Any) -> None:
        nonlocal predicted
        if isinstance(module, Classifier) and not module.training:
            predicted += 1
            if predicted == 4:
                stop.set()

    hook = register_module_forward_hook(count)
    yield
    hook.remove()


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where two checkpoints are not bit by bit the same."""
    match one:
        case torch.Tensor():
            if not torch.equal(one, other):
                yield path
        case dict():
            assert one.keys() == other.keys(), path
            for key, value in one.items():
                yield from differences(value, other[key], f"{path}.{key}")
        case list() | tuple():
            assert len(one) == len(other), path
            for index, value in enumerate(one):
                yield from differences(value, other[index], f"{path}.{index}")
        case _ if one != other:
            yield path


@pytest.fixture(scope="module")
def undisturbed(bench: Bench, digits: DatasetInput) -> Finished:
    return bench.run("train", SPEC, train_datasets=(digits,), eval_dataset=digits)


def stopped(bench, digits, folder, make_stop) -> dict[str, Any]:
    """Run until the stop; what the latest checkpoint says of the position."""
    stop = threading.Event()
    run = bench.prepare(
        "train", SPEC, train_datasets=(digits,), eval_dataset=digits, stop=stop, folder=folder
    )
    with make_stop(stop), pytest.raises(StoppedError):
        run_action(run)
    return load_checkpoint(run.results / "model_latest.pth")["done"]


def resumed(bench, digits, folder) -> Finished:
    return bench.run("train", SPEC, train_datasets=(digits,), eval_dataset=digits, folder=folder, attempt=2)


@pytest.mark.parametrize("steps", [4, STEPS, STEPS + 7])
def test_a_stop_at_any_step_loses_nothing(bench, digits, undisturbed, tmp_path, steps):
    done = stopped(bench, digits, tmp_path / "job", lambda stop: stop_after_steps(stop, steps))
    assert done["epochs"] * STEPS + done["steps"] == steps
    again = resumed(bench, digits, tmp_path / "job")
    assert_same_end(undisturbed, again)


def test_a_stop_in_the_middle_of_a_validation_loses_nothing(bench, digits, undisturbed, tmp_path):
    done = stopped(bench, digits, tmp_path / "job", stop_in_validation)
    assert (done["epochs"], done["steps"]) == (0, STEPS)
    assert_same_end(undisturbed, resumed(bench, digits, tmp_path / "job"))


def assert_same_end(undisturbed: Finished, again: Finished) -> None:
    for name in ("model_latest.pth", "model_best.pth"):
        one, other = (load_checkpoint(job.results / name) for job in (undisturbed, again))
        assert list(differences(one, other)) == []
    assert {**undisturbed.outcome, "seconds": 0} == {**again.outcome, "seconds": 0}
    curves = [
        {event.epoch: event.values for event in job.events if isinstance(event, Metrics)}
        for job in (undisturbed, again)
    ]
    assert curves[0] == curves[1]


def test_a_torn_checkpoint_gives_way_to_the_newest_whole_one(bench, digits, undisturbed, tmp_path):
    stopped(bench, digits, tmp_path / "job", lambda stop: stop_after_steps(stop, STEPS + 7))
    latest = tmp_path / "job" / "results" / "model_latest.pth"
    latest.write_bytes(latest.read_bytes()[:-1000])
    again = resumed(bench, digits, tmp_path / "job")
    assert_same_end(undisturbed, again)
    assert "The checkpoint model_latest.pth is not whole, as after a crash; it is passed over." in again.notes
    assert any("goes on after epoch 1, step 0" in note for note in again.notes)


def test_a_flipped_bit_is_noticed(bench, digits, tmp_path):
    stopped(bench, digits, tmp_path / "job", lambda stop: stop_after_steps(stop, 3))
    latest = tmp_path / "job" / "results" / "model_latest.pth"
    data = bytearray(latest.read_bytes())
    data[len(data) // 2] ^= 1
    latest.write_bytes(data)
    again = resumed(bench, digits, tmp_path / "job")
    assert "There is no whole checkpoint of the earlier attempt; the training begins anew." in again.notes
    assert again.outcome["epochs"] == 3


def test_a_finished_training_run_again_reports_the_same(bench, digits, undisturbed, tmp_path):
    bench.run("train", SPEC, train_datasets=(digits,), eval_dataset=digits, folder=tmp_path / "job")
    again = resumed(bench, digits, tmp_path / "job")
    assert again.outcome["metrics"] == undisturbed.outcome["metrics"]


def test_a_stop_before_the_first_step_leaves_nothing_to_go_on_from(bench, digits, tmp_path):
    stop = threading.Event()
    stop.set()
    run = bench.prepare(
        "train", SPEC, train_datasets=(digits,), eval_dataset=digits, stop=stop, folder=tmp_path / "job"
    )
    with pytest.raises(StoppedError):
        run_action(run)
    assert not list(run.results.glob("*.pth"))


def test_a_diverged_training_never_overwrites_a_whole_checkpoint(bench, digits, tmp_path):
    specs = SPEC | {"train.optim.optim": "sgd", "train.optim.lr": 1e20, "train.clip_grad_norm": 0.0}
    run = bench.prepare(
        "train", specs, train_datasets=(digits,), eval_dataset=digits, folder=tmp_path / "job"
    )
    with pytest.raises(JobError) as failed:
        run_action(run)
    assert failed.value.cause is Cause.DIVERGED
    assert not list(run.results.glob("*.pth"))
