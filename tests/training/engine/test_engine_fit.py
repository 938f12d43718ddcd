"""The loop itself, on another task than images: nothing in it knows what it trains."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import uuid4

import pytest
import torch
from lightning_fabric.plugins import MixedPrecision
from torch import Tensor, nn

from tunesmith.protocol import Cause, Direction, EventTail, JobFolder, JobRequest, MetricGoal, Metrics
from tunesmith.training.engine.checkpoints import LATEST, Checkpoints, load_checkpoint
from tunesmith.training.engine.fit import Fit
from tunesmith.training.engine.loading import Loader, Order
from tunesmith.training.engine.numerics import Numerics
from tunesmith.training.engine.optimizers import build_optimizer
from tunesmith.training.engine.schedules import build_schedule
from tunesmith.training.engine.settings import LoopSettings, OptimizerSettings, ScheduleSettings
from tunesmith.training.engine.state import TrainState
from tunesmith.training.engine.training import Training
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run


class Points(NamedTuple):
    inputs: Tensor
    targets: Tensor


class Line:
    """Points on y = 3 x - 1."""

    cheap = True

    def __len__(self) -> int:
        return 64

    def fetch(self, indices: Sequence[int]) -> Points:
        inputs = torch.tensor(indices).float().view(-1, 1) / 32 - 1
        return Points(inputs, 3 * inputs - 1)


class Regression(Training[Points]):
    """A line, with a number that is learnt beside the model."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(1, 1))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, batch: Points) -> dict[str, Tensor]:
        error = (self.model(batch.inputs) - batch.targets).square().mean()
        return {"loss": error + (self.offset - 1).square(), "error": error.detach()}


def fit(folder, epochs=30, saved=None, **settings):
    torch.manual_seed(0)
    job = JobFolder(folder)
    job.create(JobRequest(job_id=uuid4(), action="train"))
    training = Regression()
    loader = Loader(Line(), Order(64, 8, shuffle=True))
    optimizer = build_optimizer(training, OptimizerSettings("sgd", lr=0.1, momentum=0.5), fused=True)
    schedule = build_schedule(optimizer, ScheduleSettings("linear"), epochs, len(loader))
    fabric = Numerics().fabric(torch.device("cpu"))
    state = TrainState(training, optimizer, schedule, fabric, ema=None, facts={"task": "line"})
    if saved:
        state.load_state_dict(saved)
    loop = LoopSettings(epochs=epochs, batch_size=8, **settings)
    goal = MetricGoal(name="train_error", direction=Direction.MINIMIZE)
    return Fit(Run(job), state, loop, loader, None, goal)


def curves(folder):
    events = EventTail(JobFolder(folder)).read()
    return [event.values for event in events if isinstance(event, Metrics)]


def test_a_line_is_found_and_every_loss_is_reported(tmp_path):
    best = fit(tmp_path).run_epochs()
    found = load_checkpoint(tmp_path / "results" / LATEST)["model"]
    assert found["weight"].item() == pytest.approx(3, abs=0.01)
    assert found["bias"].item() == pytest.approx(-1, abs=0.01)
    assert set(curves(tmp_path)[0]) == {"train_loss", "train_error", "lr"}
    assert best is not None
    assert best.value == min(values["train_error"] for values in curves(tmp_path))


def test_what_is_learnt_beside_the_model_is_resumed_but_no_part_of_it(tmp_path):
    fit(tmp_path / "first", epochs=3).run_epochs()
    saved = load_checkpoint(tmp_path / "first" / "results" / LATEST)
    assert saved["task"] == "line"
    assert "offset" not in saved["model"]
    offset = saved["extras"]["offset"]
    assert offset != 0
    assert torch.equal(fit(tmp_path / "second", saved=saved).state.training.extras()["offset"], offset)


def norms(folder, **settings):
    """How far the first step moves the weights."""
    one = fit(folder, epochs=1, **settings)
    before = one.state.training.model.weight.detach().clone()
    for batch in one.loader.epoch():
        one._step(batch)
        break
    return float((one.state.training.model.weight - before).detach().abs())


def test_the_gradient_is_clipped_to_its_norm(tmp_path):
    free = norms(tmp_path / "free", clip_norm=0.0)
    clipped = norms(tmp_path / "clipped", clip_norm=0.01)
    assert clipped <= 0.1 * 0.01 + 1e-9 < free  # learning rate times norm


def test_weights_that_the_last_step_spoilt_are_never_saved(tmp_path):
    one = fit(tmp_path, epochs=1)
    with torch.no_grad():
        one.state.training.model.weight.fill_(float("nan"))
    one.state.optimizer = None
    with pytest.raises(JobError, match="the weight weight is not finite after epoch 1") as failed:
        one.run_epochs()
    assert failed.value.cause is Cause.DIVERGED
    assert not (tmp_path / "results" / LATEST).exists()


def scaled(folder, scale):
    """A training whose gradients are scaled, as in fp16; the scaler computes on the processor here."""
    one = fit(folder, epochs=1)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=3)
    one.state.fabric.strategy.precision = MixedPrecision("16-mixed", "cpu", scaler)
    return one.state


def test_the_scale_of_the_gradients_is_resumed(tmp_path):
    first = scaled(tmp_path / "first", 1024.0)
    scaler = first.fabric.strategy.precision.scaler
    for loss in (2.0, 3.0):
        weight = torch.ones((), requires_grad=True)
        scaler.scale(weight * loss).backward()
        scaler.step(torch.optim.SGD([weight], lr=0.1))
        scaler.update()
    Checkpoints(tmp_path / "saved", tmp_path / "aside").save(first.state_dict())
    second = scaled(tmp_path / "second", 1.0)
    second.load_state_dict(load_checkpoint(tmp_path / "saved" / LATEST))
    assert second.state_dict()["precision"] == first.state_dict()["precision"]
    # One more good step makes the scale grow: how many there were is kept too.
    again = second.fabric.strategy.precision.scaler
    weight = torch.ones((), requires_grad=True)
    again.scale(weight).backward()
    again.step(torch.optim.SGD([weight], lr=0.1))
    again.update()
    assert again.get_scale() == 2048.0


def test_batches_whose_gradients_are_accumulated_learn_as_one_batch(tmp_path):
    """Sixteen points a step: in one batch, or in two of eight."""
    halves = fit(tmp_path / "halves", epochs=3, accumulated=2)
    halves.run_epochs()
    whole = fit(tmp_path / "whole", epochs=3)
    whole.loader = Loader(Line(), Order(64, 16, shuffle=True))
    whole.state.schedule = build_schedule(
        whole.state.optimizer, ScheduleSettings("linear"), 3, len(whole.loader)
    )
    whole.run_epochs()
    for mine, its in zip(halves.state.training.parameters(), whole.state.training.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=0.05, atol=0.05)  # the rate falls between the halves


def test_a_last_step_of_fewer_batches_counts_as_a_whole_one(tmp_path):
    job = fit(tmp_path, epochs=1, accumulated=3)
    steps = []
    job._optimizer.register_step_post_hook(lambda *_: steps.append(job.state.done.steps))
    job.run_epochs()
    assert steps == [2, 5, 7], "eight batches"
