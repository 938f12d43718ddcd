"""The loop: epochs of steps, each followed by validation and a checkpoint."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch

from tunesmith.protocol import CheckpointSaved, Direction, MetricGoal, Metrics
from tunesmith.training.engine.board import Board
from tunesmith.training.engine.checkpoints import BEST, LATEST, Checkpoints, epoch_name
from tunesmith.training.engine.divergence import diverged
from tunesmith.training.engine.loading import Loader
from tunesmith.training.engine.log import log
from tunesmith.training.engine.pace import Pace
from tunesmith.training.engine.publisher import Publisher
from tunesmith.training.engine.rehearsal import to_device
from tunesmith.training.engine.settings import LoopSettings
from tunesmith.training.engine.sinks import Sinks
from tunesmith.training.engine.state import Best, Progress, TrainState
from tunesmith.training.engine.training import Measured
from tunesmith.training.failures import StoppedError
from tunesmith.training.run import Run


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
    """

    run: Run
    state: TrainState
    loop: LoopSettings
    loader: Loader[Any]
    validate: Callable[[torch.nn.Module], Measured] | None
    goal: MetricGoal
    board: Board | None = None
    sinks: Sinks = field(default_factory=Sinks)

    def __post_init__(self) -> None:
        state, fabric = self.state, self.state.fabric
        self._checkpoints = Checkpoints(self.run.results)
        self._publisher = Publisher(self.run.publish)
        self._epochs = self.loop.epochs if state.optimizer else 1
        self._pace = Pace(self.run, self._epochs, len(self.loader))
        self._last_batch: Any = None
        if state.optimizer:
            self._module, self._optimizer = fabric.setup(state.training, state.optimizer)

    def run_epochs(self) -> Best | None:
        """Train to the end. Returns the best epoch; None if nothing could be measured.

        Raises:
            StoppedError: asked to stop; the latest checkpoint is where the training stopped.
            JobError: the training diverged.
            StorageError: the results could not be published.
        """
        for epoch in range(self.state.done.epochs + 1, self._epochs + 1):
            self._pace.begin_epoch(epoch, self.state.done.steps)
            if self.state.optimizer:
                self.train_epoch(epoch)
            seconds = self._pace.end_steps()
            self._close(epoch, self._measure(epoch), seconds)
        self._publisher.finish()
        if self.board:
            self.board.close()
        return self.state.best

    def train_epoch(self, epoch: int) -> None:
        """The steps of an epoch that are not done yet."""
        state = self.state
        state.training.train()
        for batch in self.loader.epoch(epoch, state.done.steps):
            self._step(batch)
            state.done.steps += 1
            if self.run.stop_requested:
                self._stop(epoch)
            if self._pace.due():
                state.losses.look(epoch)
                self._pace.report(state.done.steps)
        state.losses.look(epoch)

    def _step(self, batch: Any) -> None:
        state, fabric = self.state, self.state.fabric
        assert state.optimizer and state.schedule  # noqa: S101, PT018 - else there are no steps
        batch = to_device(batch, fabric.device)
        losses = self._module(batch)
        fabric.backward(losses["loss"])
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
        state.losses.add(losses, None if state.fabric.strategy.precision.state_dict() else norm)
        if self.board:
            self._last_batch = batch

    def _measure(self, epoch: int) -> Measured | None:
        """Validate, where it is due. A stop leaves the state as it was before the validation."""
        due = epoch % self.loop.validation_interval == 0 or epoch == self._epochs
        if not self.validate or not due:
            return None
        try:
            return self.validate(self.state.predictor)
        except StoppedError:
            self._stop(epoch)

    def _close(self, epoch: int, measured: Measured | None, seconds: float) -> None:
        """Note what the epoch brought, and save it."""
        state = self.state
        values = {f"train_{name}": mean for name, mean in state.losses.means().items()}
        if state.optimizer:
            values["lr"] = state.done.lr
        per_category = measured.per_category if measured else {}
        values |= {f"val_{name}": value for name, value in measured.values.items()} if measured else {}
        self._require_finite_weights(epoch)
        state.done = Progress(epoch)
        state.losses.reset()
        best = self._is_best(values)
        if best:
            state.best = Best(epoch, values[self.goal.name], Measured(values, per_category))
        self.run.report(Metrics(epoch=epoch, values=dict(values), per_category=dict(per_category)))
        if self.board:
            self.board.record(epoch, values, self._picture)
        self.sinks.record(epoch, values)
        self._save(epoch, best=best)
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

    def _save(self, epoch: int, *, best: bool) -> None:
        self._checkpoints.save(self.state.state_dict())
        name = LATEST
        if best:
            name = self._checkpoints.keep(BEST).name
        if epoch % self.loop.checkpoint_interval == 0 or epoch == self._epochs:
            name = self._checkpoints.keep(epoch_name(epoch)).name
        self.run.report(CheckpointSaved(epoch=epoch, file=name, best=best))
        self._publisher.ask()

    def _stop(self, epoch: int) -> NoReturn:
        """Save where the training stands, in the middle of the epoch, and end."""
        self.state.losses.look(epoch)
        self._checkpoints.save(self.state.state_dict())
        log(
            f"Stopped in epoch {epoch} after step {self.state.done.steps} of {len(self.loader)}, "
            f"as saved in {LATEST}."
        )
        self._publisher.ask()
        self._publisher.leave()
        if self.board:
            self.board.close()
        raise StoppedError

    def _require_finite_weights(self, epoch: int) -> None:
        """The last step of an epoch can spoil the weights unseen where gradients are not measured."""
        for name, weight in self.state.training.model.named_parameters():
            if not bool(weight.isfinite().all()):
                raise diverged(f"the weight {name} is not finite after epoch {epoch}")

    def _picture(self) -> torch.Tensor | None:
        return self.state.training.preview(self._last_batch) if self._last_batch is not None else None


def _line(epoch: int, epochs: int, values: dict[str, float], seconds: float, *, best: bool) -> str:
    shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
    return f"epoch {epoch:{len(str(epochs))}}/{epochs}  {shown}  {seconds:.1f} s{'  best' if best else ''}"
