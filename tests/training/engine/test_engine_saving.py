"""When checkpoints are written in the middle of an epoch, and what a kill while saving leaves in order."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from tests.training.jobs import events_of
from torch import nn

from tunesmith.protocol import CheckpointSaved, JobFolder, JobRequest
from tunesmith.training.engine.checkpoints import BEST, LATEST, load_checkpoint
from tunesmith.training.engine.numerics import Numerics
from tunesmith.training.engine.saving import Saver
from tunesmith.training.engine.state import Best, Progress, TrainState
from tunesmith.training.engine.training import Measured, Training
from tunesmith.training.run import Run


class Nothing(Training[Any]):
    """Learns nothing."""

    def forward(self, batch):
        raise NotImplementedError


class Clock:
    """Time that stands still unless it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("tunesmith.training.engine.saving.time.monotonic", lambda: self.now)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = JobFolder(tmp_path)
    folder.create(JobRequest(job_id=uuid4(), action="train", checkpoint_seconds=60))
    return Run(folder)


def state_of(progress: Progress, best: int | None = None) -> TrainState:
    state = TrainState(Nothing(nn.Linear(1, 1)), None, None, Numerics().fabric(torch.device("cpu")), None, {})
    state.done = progress
    state.best = Best(best, 0.5, Measured({"x": 0.5})) if best else None
    return state


def test_a_checkpoint_is_due_when_so_much_time_is_over(run, monkeypatch):
    clock = Clock(monkeypatch)
    saver = Saver(run, state_of(Progress(0, 7)), 1, 10)
    clock.now += 59
    assert not saver.due()
    clock.now += 1
    assert saver.due()
    saver.save()
    assert load_checkpoint(run.results / LATEST)["done"]["steps"] == 7
    assert not saver.due()
    clock.now += 60
    assert saver.due()


def test_slow_checkpoints_never_take_more_than_their_share(run, monkeypatch):
    clock = Clock(monkeypatch)
    saver = Saver(run, state_of(Progress(0, 7)), 1, 10)

    def slow(*_: Any) -> None:
        clock.now += 10

    monkeypatch.setattr(saver._checkpoints, "save", slow)
    saver.save()
    clock.now += 199
    assert not saver.due()
    clock.now += 1
    assert saver.due()


def test_the_end_of_an_epoch_counts_as_a_checkpoint_and_gets_its_names(run, monkeypatch):
    clock = Clock(monkeypatch)
    saver = Saver(run, state_of(Progress(4)), interval=2, epochs=5)
    clock.now += 61
    saver.save_epoch(4, best=True)
    assert not saver.due()
    assert {path.name for path in run.results.iterdir()} == {BEST, LATEST, "model_epoch_004.pth"}
    (told,) = (event for event in events_of(run) if isinstance(event, CheckpointSaved))
    assert (told.epoch, told.best) == (4, True)


@pytest.mark.parametrize(
    ("epoch", "kept"), [(1, False), (2, False), (3, True), (4, False), (5, True), (6, True)]
)
def test_epochs_are_kept_by_the_interval_and_the_last_one_always(run, epoch, kept):
    Saver(run, state_of(Progress(epoch)), interval=3, epochs=5).save_epoch(epoch, best=False)
    assert (run.results / f"model_epoch_00{epoch}.pth").exists() is kept


def test_names_and_events_that_a_kill_prevented_are_made_up_for(run):
    saver = Saver(run, state_of(Progress(3)), interval=1, epochs=9)
    saver.save_epoch(3, best=True)
    later = Saver(run, state_of(Progress(4), best=4), interval=1, epochs=9)
    later.save_epoch(4, best=False)  # killed before it was called the best
    run.folder.events_path.unlink()
    later.take_up()
    assert load_checkpoint(run.results / BEST)["done"]["epochs"] == 4
    told = [(event.epoch, event.best) for event in events_of(run) if isinstance(event, CheckpointSaved)]
    assert told == [(4, True), (4, False)]
