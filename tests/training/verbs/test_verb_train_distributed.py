"""Several processes train as one does: the same weights, exact resume, no waiting for those that are gone."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.training.comparing import checkpoints_in, differences
from tests.training.jobs import SMALL, Bench, Finished
from tests.training.stopping import counting
from torch.optim.optimizer import register_optimizer_step_post_hook

from tunesmith.data.digits import write_digits
from tunesmith.protocol import Cause, DatasetInput, Metrics, Resources
from tunesmith.training.actions import run_action
from tunesmith.training.engine import saving
from tunesmith.training.engine.checkpoints import load_checkpoint
from tunesmith.training.failures import JobError, StoppedError

IMAGES = 101  # in steps of 32 the last one has 5: 3 for one process, 2 for the other
STEPS = 4
# A backbone without batch normalisation, whose statistics would be those of each process.
SPEC = SMALL | {"model.backbone.type": "test_convnext", "train.num_epochs": 2, "dataset.batch_size": 16}
NOISY = SPEC | {
    "train.enable_ema": True,
    "model.head.custom_args": {"drop_rate": 0.2},
    "dataset.augmentation.random_flip.enable": True,
}
TWO = Resources(threads=2, processes=2)


@pytest.fixture(scope="module")
def few(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> DatasetInput:
    folder = tmp_path_factory.mktemp("few")
    write_digits(folder, train=IMAGES, val=40, test=10)
    return bench.dataset(folder, "few")


@pytest.fixture(scope="module")
def together(bench: Bench, few: DatasetInput) -> Finished:
    return bench.run("train", NOISY, train_datasets=(few,), eval_dataset=few, resources=TWO)


def curves(job: Finished) -> list[dict[str, float | None]]:
    return [event.values for event in job.events if isinstance(event, Metrics) and event.epoch]


def test_two_processes_learn_what_one_does_with_the_same_steps(bench, few):
    datasets: Any = {"train_datasets": (few,), "eval_dataset": few}
    alone = bench.run("train", SPEC | {"dataset.batch_size": 32}, **datasets)
    both = bench.run("train", SPEC, resources=TWO, **datasets)
    one, two = (load_checkpoint(job.results / "model_latest.pth") for job in (alone, both))
    assert max(float((one["model"][key] - two["model"][key]).abs().max()) for key in one["model"]) < 1e-5
    assert len(curves(alone)) == 2
    for mine, its in zip(curves(alone), curves(both), strict=True):
        assert mine == pytest.approx(its, abs=1e-4)


def stopped(bench, few, folder, after, *, validating=False) -> dict[str, Any]:
    """Run until the stop; what the latest checkpoint says of the position."""
    stop = threading.Event()
    run = bench.prepare(
        "train",
        NOISY,
        train_datasets=(few,),
        eval_dataset=few,
        resources=TWO,
        stop=stop,
        folder=folder,
    )
    with counting(stop, after, validating=validating), pytest.raises(StoppedError):
        run_action(run)
    return load_checkpoint(run.results / "model_latest.pth")["done"]


@pytest.mark.parametrize(
    ("after", "validating", "done"),
    [(STEPS + 2, False, (1, 2)), (2, True, (0, STEPS))],
    ids=["step", "validation"],
)
def test_all_processes_stop_at_the_same_step_and_go_on_bit_by_bit(
    bench, few, together, tmp_path, after, validating, done
):
    found = stopped(bench, few, tmp_path / "job", after, validating=validating)
    assert (found["epochs"], found["steps"]) == done
    again = bench.run(
        "train",
        NOISY,
        train_datasets=(few,),
        eval_dataset=few,
        resources=TWO,
        folder=tmp_path / "job",
        attempt=2,
    )
    one, other = (checkpoints_in(job.results) for job in (together, again))
    assert list(differences(one, other)) == []
    assert together.outcome | {"seconds": 0} == again.outcome | {"seconds": 0}


def test_checkpoints_in_the_middle_of_epochs_change_nothing(bench, few, together, monkeypatch):
    monkeypatch.setattr(saving, "_SHARE", 0)
    saved = []
    save = saving.Saver.save

    def counted(*given: Any) -> None:
        saved.append(1)
        save(*given)

    monkeypatch.setattr(saving.Saver, "save", counted)
    job = bench.run(
        "train",
        NOISY,
        train_datasets=(few,),
        eval_dataset=few,
        resources=TWO,
        checkpoint_seconds=0,
    )
    assert len(saved) > 2 * STEPS  # after each step, and between the batches of a validation
    one, other = (checkpoints_in(each.results) for each in (together, job))
    assert list(differences(one, other)) == []


def test_a_process_that_dies_ends_the_training_and_says_so(bench, few):
    run = bench.prepare("train", SPEC, train_datasets=(few,), eval_dataset=few, resources=TWO)

    def kill(*_: Any) -> None:
        hook.remove()
        os.kill(beside(), signal.SIGKILL)

    hook = register_optimizer_step_post_hook(kill)
    with pytest.raises(JobError, match=r"Process 2 of 2 of the training was ended by SIGKILL\.") as lost:
        run_action(run)
    assert lost.value.cause is Cause.LOST_WORKER
    with pytest.raises(StopIteration):
        beside()


def beside() -> int:
    """The number of the process that trains beside this one."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = [int(one) for task in tasks for one in task.read_text().split()]
    return next(
        one for one in children if b"tunesmith.training.rank" in Path(f"/proc/{one}/cmdline").read_bytes()
    )


# Loaded by each Python that starts, and so by the second process alone.
FAULT = """
import torch, sys
if "-m" in sys.orig_argv and "tunesmith.training.rank" in sys.orig_argv:
    from tunesmith.training.engine.loading import Loader
    from tunesmith.data.errors import DatasetError
    def epoch(self, epoch=1, start=0):
        raise DatasetError("images_train.tar.gz: 3.png is damaged.")
        yield
    Loader.epoch = epoch
"""


def test_what_another_process_fails_with_is_why_the_job_fails(bench, few, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(FAULT)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    run = bench.prepare("train", SPEC, train_datasets=(few,), eval_dataset=few, resources=TWO)
    with pytest.raises(JobError, match=r"3\.png is damaged\.") as failed:
        run_action(run)
    assert failed.value.cause is Cause.BAD_DATA


def test_a_stop_before_all_are_there_ends_them(bench, few):
    stop = threading.Event()
    stop.set()
    run = bench.prepare("train", SPEC, train_datasets=(few,), resources=TWO, stop=stop)
    with pytest.raises(StoppedError):
        run_action(run)
    with pytest.raises(StopIteration):
        beside()


def test_automatic_precision_is_chosen_once_for_all(bench, few):
    specs = SPEC | {"train.precision": "auto", "train.num_epochs": 1}
    job = bench.run("train", specs, train_datasets=(few,), eval_dataset=few, resources=TWO)
    assert sum("train.precision auto chose" in note for note in job.notes) == 1


def test_a_training_of_two_processes_does_not_go_on_with_one(bench, few, tmp_path):
    stopped(bench, few, tmp_path / "job", 1)
    run = bench.prepare("train", NOISY, train_datasets=(few,), folder=tmp_path / "job", attempt=2)
    with pytest.raises(JobError, match="2 processes trained it, and this job has 1"):
        run_action(run)
