"""Tells how far a training is and how long it will take, a few times a second at most."""

import math
import time

from tunesmith.protocol import Progress
from tunesmith.training.run import Run

REPORT_SECONDS = 0.5
_BRIEF_SECONDS = 0.2  # epochs that are shorter are not all told


class Pace:
    """Measures steps and epochs of this run of the training."""

    def __init__(self, run: Run, epochs: int, steps_per_epoch: int) -> None:
        self._run, self._epochs, self._steps_per_epoch = run, epochs, steps_per_epoch
        self._epoch, self._first_step = 0, 0
        self._began = self._steps_ended = time.monotonic()
        self._reported = -math.inf
        self._step_seconds: float | None = None
        self._epoch_seconds: float | None = None
        self._rest_seconds = 0.0

    def begin_epoch(self, epoch: int, done_steps: int) -> None:
        """An epoch begins, or is taken up after `done_steps` steps."""
        self._epoch, self._first_step = epoch, done_steps
        self._began = time.monotonic()
        if self._began - self._reported >= _BRIEF_SECONDS:
            self.report(done_steps)

    def due(self) -> bool:
        """Whether it is time to report again."""
        return time.monotonic() - self._reported >= REPORT_SECONDS

    def report(self, step: int, message: str = "") -> None:
        """Report the step of the epoch at hand."""
        self._reported = time.monotonic()
        if step > self._first_step:
            self._step_seconds = (self._reported - self._began) / (step - self._first_step)
        self._run.report(
            Progress(
                epoch=self._epoch,
                max_epoch=self._epochs,
                step=step,
                steps_per_epoch=self._steps_per_epoch,
                eta=self._eta(step),
                seconds_per_epoch=self._epoch_seconds,
                seconds_per_step=self._step_seconds,
                message=message or f"epoch {self._epoch} of {self._epochs}",
            )
        )

    def end_steps(self) -> float:
        """The training part of the epoch is over; its seconds."""
        self._steps_ended = time.monotonic()
        seconds = self._steps_ended - self._began
        if steps := self._steps_per_epoch - self._first_step:
            self._step_seconds = seconds / steps  # an epoch can end before its first report
        return seconds

    def end_epoch(self) -> None:
        """Validation and saving are over too."""
        now = time.monotonic()
        self._rest_seconds = now - self._steps_ended
        if not self._first_step:
            self._epoch_seconds = now - self._began

    def _eta(self, step: int) -> float | None:
        if self._step_seconds is None:
            return None
        epochs_after = self._epochs - self._epoch
        steps = self._steps_per_epoch - step + epochs_after * self._steps_per_epoch
        return steps * self._step_seconds + (1 + epochs_after) * self._rest_seconds
