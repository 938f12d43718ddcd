"""The loop: epochs of steps, each followed by validation and a checkpoint."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch

from tunesmith.protocol import Direction, MetricGoal, Metrics
from tunesmith.training.engine.board import Board
from tunesmith.training.engine.checkpoints import LATEST
from tunesmith.training.engine.divergence import require_finite_weights
from tunesmith.training.engine.group import Group
from tunesmith.training.engine.loading import Loader
from tunesmith.training.engine.log import log
from tunesmith.training.engine.pace import Pace
from tunesmith.training.engine.rehearsal import to_device
from tunesmith.training.engine.saving import Saver
from tunesmith.training.engine.settings import LoopSettings
from tunesmith.training.engine.sinks import Sinks
from tunesmith.training.engine.state import Best, OwnState, Progress, TrainState
from tunesmith.training.engine.training import Measured
from tunesmith.training.failures import JobError, StoppedError
from tunesmith.training.run import Run

Validate = Callable[[torch.nn.Module, Callable[[], None]], Measured]
"""Measures a model. The function is called after each batch; what it raises ends the measuring."""


@dataclass
class Fit:
    """A training that is ready to run, or to go on.

    Attributes:
        run: the job.
        state: what changes; it may come from a checkpoint.
        loop: length and intervals.
        loader: of the training data.
        validate: measures the predictor; None where there is nothing to validate on.
        goal: the metric that chooses the best epoch.
        board: TensorBoard files, if they are asked for.
        sinks: trackers of the user's.
        group: the processes that train together. The first one measures, saves and reports for all.
    """

    run: Run
    state: TrainState
    loop: LoopSettings
    loader: Loader[Any]
    validate: Validate | None
    goal: MetricGoal
    board: Board | None = None
    sinks: Sinks = field(default_factory=Sinks)
    group: Group = field(default_factory=Group)

    def __post_init__(self) -> None:
        state, fabric = self.state, self.state.fabric
        self._epochs = self.loop.epochs if state.optimizer else 1
        self._saver = Saver(self.run, state, self.loop.checkpoint_interval, self._epochs)
        self._pace = Pace(self.run, self._epochs, len(self.loader))
        self._last_batch: Any = None
        if state.optimizer:
            self._module, self._optimizer = fabric.setup(state.training, state.optimizer)

    def run_epochs(self) -> Best | None:
        """Train to the end. Returns the best epoch; None if nothing could be measured.

        Raises:
            StoppedError: asked to stop; the latest checkpoint is where the training stopped.
            JobError: the training diverged, or the disk is full.
            StorageError: the results could not be published.
        """
        if self.group.leads:
            self._saver.take_up()
        try:
            for epoch in range(self.state.done.epochs + 1, self._epochs + 1):
                self._pace.begin_epoch(epoch, self.state.done.steps)
                if self.state.optimizer:
                    self.train_epoch(epoch)
                seconds = self._pace.end_steps()
                self._close(epoch, self._measure(epoch), seconds)
            self._complete()
        except JobError:
            self._saver.leave()
            raise
        self._saver.finish()
        if self.board:
            self.board.close()
        return self.state.best

    def train_epoch(self, epoch: int) -> None:
        """The steps of an epoch that are not done yet."""
        state = self.state
        state.training.train()
        for batch in self.loader.epoch(epoch, state.done.steps):
            self._step(batch, self.loader.weight(state.done.steps))
            state.done.steps += 1
            if self.group.agreed(self.run.stop_requested or self._saver.due()):
                self._pause(epoch)
            if self._pace.due():
                state.losses.look(epoch)
                self._pace.report(state.done.steps)
        state.losses.look(epoch)

    def _step(self, batch: Any, weight: float = 1.0) -> None:
        state, fabric = self.state, self.state.fabric
        assert state.optimizer and state.schedule  # noqa: S101, PT018 - else there are no steps
        batch = to_device(batch, fabric.device)
        losses = self._module(batch)
        # The gradient is the mean over the processes.
        fabric.backward(losses["loss"] * weight if weight != 1 else losses["loss"])
        norm = None
        if self.loop.clip_norm > 0:
            norm = fabric.clip_gradients(
                self._module, self._optimizer, max_norm=self.loop.clip_norm, error_if_nonfinite=False
            )
        self._optimizer.step()
        self._optimizer.zero_grad()
        state.done.lr = state.optimizer.param_groups[0]["lr"]
        state.schedule.step()
        if state.ema:
            state.ema.update()
        # A gradient scaler makes gradients overflow on purpose, and skips those steps.
        norm = None if state.fabric.strategy.precision.state_dict() else norm
        state.losses.add(losses, norm, weight / self.group.size)
        if self.board:
            self._last_batch = batch

    def _measure(self, epoch: int) -> Measured | None:
        """Validate, where it is due. A stop leaves the state as it was before the validation."""
        due = epoch % self.loop.validation_interval == 0 or epoch == self._epochs
        if not self.validate or not due:
            return None
        others = self.group.gather(self.state.own())[1:]

        def between() -> None:
            self.run.raise_if_stopped()
            if self._saver.due():
                self._save(epoch, others)

        measured, stopped = None, False
        if self.group.leads:
            try:
                measured = self.validate(self.state.predictor, between)
            except StoppedError:
                stopped = True
        if self.group.agreed(stopped):
            self._stop(epoch)
        return measured

    def _close(self, epoch: int, measured: Measured | None, seconds: float) -> None:
        """Note what the epoch brought, and save it."""
        others = self.group.gather(self.state.own())[1:]
        was_measured = self.group.agreed(measured is not None)
        if self.group.leads:
            self._note(epoch, measured, seconds, others)
        else:
            self._begin_next(epoch, measured=was_measured)

    def _begin_next(self, epoch: int, *, measured: bool) -> None:
        require_finite_weights(self.state.training.model, f"after epoch {epoch}")
        self.state.done = Progress(epoch, measured=measured)
        self.state.losses.reset()

    def _note(
        self, epoch: int, measured: Measured | None, seconds: float, others: Sequence[OwnState]
    ) -> None:
        state = self.state
        means = state.losses.means([other["losses"] for other in others])
        values = {f"train_{name}": mean for name, mean in means.items()}
        if values:
            values["lr"] = state.done.lr
        per_category = measured.per_category if measured else {}
        values |= measured.named() if measured else {}
        self._begin_next(epoch, measured=measured is not None)
        for other in others:
            other["losses"] = state.losses.state_dict()
        best = self._is_best(values)
        if best:
            state.best = Best(epoch, values[self.goal.name], Measured(values, per_category))
        self.run.report(Metrics(epoch=epoch, values=dict(values), per_category=dict(per_category)))
        if self.board:
            self.board.record(epoch, values, self._picture)
        self.sinks.record(epoch, values)
        self._saver.save_epoch(epoch, others, best=best)
        self._pace.end_epoch()
        log(_line(epoch, self._epochs, values, seconds, best=best))

    def _is_best(self, values: dict[str, float]) -> bool:
        value = values.get(self.goal.name)
        if value is None or not math.isfinite(value):
            return False
        if self.state.best is None:
            return True
        if self.goal.direction is Direction.MINIMIZE:
            return value < self.state.best.value
        return value > self.state.best.value

    def _complete(self) -> None:
        """Measure and keep the last epoch as such, of a training that was shortened to what had been done."""
        epoch = self.state.done.epochs
        if self.validate and not self.state.done.measured:
            self._close(epoch, self._measure(epoch), seconds=0.0)
        if self.group.leads:
            self._saver.keep_epoch(epoch)

    def _pause(self, epoch: int) -> None:
        """Stop here, or save where the training stands and go on: all processes at the same step."""
        if self.group.agreed(self.run.stop_requested):
            self._stop(epoch)
        others = self.group.gather(self.state.own())[1:]
        if self.group.leads:
            self._save(epoch, others)

    def _save(self, epoch: int, others: Sequence[OwnState]) -> None:
        """Save where the training stands in the middle of the epoch."""
        self.state.losses.look(epoch)
        require_finite_weights(self.state.training.model, f"in epoch {epoch}")
        self._saver.save(others)

    def _stop(self, epoch: int) -> NoReturn:
        """Save where the training stands, and end."""
        others = self.group.gather(self.state.own())[1:]
        if not self.group.leads:
            raise StoppedError
        self._save(epoch, others)
        log(
            f"Stopped in epoch {epoch} after step {self.state.done.steps} of {len(self.loader)}, "
            f"as saved in {LATEST}."
        )
        self._saver.leave()
        if self.board:
            self.board.close()
        raise StoppedError

    def _picture(self) -> torch.Tensor | None:
        return self.state.training.preview(self._last_batch) if self._last_batch is not None else None


def _line(epoch: int, epochs: int, values: dict[str, float], seconds: float, *, best: bool) -> str:
    shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
    return f"epoch {epoch:{len(str(epochs))}}/{epochs}  {shown}  {seconds:.1f} s{'  best' if best else ''}"
