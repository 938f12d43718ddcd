"""When a training writes checkpoints, which of them it keeps, and that they are published."""

import time
from collections.abc import Sequence

from tunesmith.protocol import CheckpointSaved
from tunesmith.training.engine.checkpoints import BEST, LATEST, Checkpoints, epoch_name
from tunesmith.training.engine.publisher import Publisher
from tunesmith.training.engine.state import OwnState, TrainState
from tunesmith.training.run import Run

_SHARE = 20
"""At most one part in so many of the time goes into checkpoints in the middle of epochs."""


class Saver:
    """Saves the state of a training.

    After each epoch, and within long ones whenever the job's `checkpoint_seconds` are over, so that a worker
    that dies costs minutes.

    Args:
        run: the job.
        state: what is saved.
        interval: epochs between two checkpoints that are kept.
        epochs: the length of the training; the last one is kept too.
    """

    def __init__(self, run: Run, state: TrainState, interval: int, epochs: int) -> None:
        self._run, self._state, self._interval, self._epochs = run, state, interval, epochs
        self._checkpoints = Checkpoints(run.results, run.scratch)
        self._publisher = Publisher(run)
        self._due_at = time.monotonic() + run.request.checkpoint_seconds

    def take_up(self) -> None:
        """Put in order what a worker left that was killed while it saved.

        Files that it gave no name yet get it, and what it had no time to tell is told.
        """
        best = self._state.best
        if best and not self._checkpoints.restore_best(best.epoch):
            self._run.note(
                f"The checkpoint of the best epoch so far, {best.epoch}, is not there any more; from here on "
                "the best one is chosen anew."
            )
            self._state.best = None
        elif best:
            self._run.report(CheckpointSaved(epoch=best.epoch, file=BEST, best=True))
        if self._state.done.epochs:
            self._run.report(CheckpointSaved(epoch=self._state.done.epochs, file=LATEST))

    def due(self) -> bool:
        """Whether a checkpoint in the middle of the epoch is due."""
        return time.monotonic() >= self._due_at

    def save(self, others: Sequence[OwnState] = ()) -> None:
        """Save where the training stands, in the middle of an epoch, and have it published.

        `others` is what the other processes that train have of their own.

        Raises:
            JobError: the disk is full.
            StorageError: an earlier checkpoint could not be published.
        """
        self._write([], others)
        self._publisher.ask()

    def save_epoch(self, epoch: int, others: Sequence[OwnState] = (), *, best: bool) -> None:
        """Save the end of an epoch under all names that it has, and have it published.

        Raises:
            JobError, StorageError: as `save`.
        """
        kept = epoch % self._interval == 0 or epoch == self._epochs
        names = [epoch_name(epoch)] * kept + [BEST] * best
        self._write(names, others)
        self._run.report(CheckpointSaved(epoch=epoch, file=(names or [LATEST])[0], best=best))
        self._publisher.ask()

    def keep_epoch(self, epoch: int) -> None:
        """Keep the end of an epoch that turned out to be the last one."""
        if not (self._run.results / epoch_name(epoch)).exists():
            self._checkpoints.keep(LATEST, epoch_name(epoch))

    def finish(self) -> None:
        """Wait until everything is published.

        Raises:
            StoppedError, StorageError: as `Publisher.finish`.
        """
        self._publisher.finish()

    def leave(self) -> None:
        """The training ends before its time: give what is saved a while to be published."""
        self._publisher.leave()

    def _write(self, names: list[str], others: Sequence[OwnState]) -> None:
        began = time.monotonic()
        self._checkpoints.save(self._state.state_dict(others), names)
        ended = time.monotonic()
        self._due_at = ended + max(self._run.request.checkpoint_seconds, _SHARE * (ended - began))
