"""The action `pull`: brings a dataset into its cache and looks inside."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

from tunesmith.data.progress import PullProgress
from tunesmith.data.pulling import pull as pull_dataset
from tunesmith.protocol import Progress
from tunesmith.training.failures import StoppedError
from tunesmith.training.run import Run

_POLL = 0.1
_FAREWELL = 0.5


def pull(run: Run) -> dict[str, Any]:
    """Pull the one dataset of the request; its report, with `valid` and `sentence` beside it.

    An invalid dataset is a result here, not a failure. The spec `skip_validation` leaves the inside unread,
    `check_all_images` has every image of a large set decoded.

    Raises:
        StoppedError: asked to stop; what has arrived is kept.
        StorageError, DatasetError: as `tunesmith.data.pulling.pull`.
    """
    (dataset,) = run.request.train_datasets

    def work(watch: _Watch) -> dict[str, Any]:
        report = pull_dataset(
            dataset.type,
            dataset.format,
            dataset.intents,
            run.files(dataset.source),
            dataset.cache,
            on_progress=watch.on_progress,
            should_stop=watch.should_stop,
            skip_validation=bool(run.request.specs.get("skip_validation")),
            all_images=bool(run.request.specs.get("check_all_images")),
        )
        return {**report.model_dump(mode="json"), "valid": report.valid, "sentence": report.sentence()}

    return _Watch(run).over(work)


class _Watch:
    """Runs work in a thread of its own, reports its newest progress, and leaves it when the job should stop.

    A thread, because a store that hangs would otherwise hold a stop request up until its timeout. The
    thread is a daemon: it ends with the process, and what it wrote can be continued.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._left = threading.Event()
        self._newest: PullProgress | None = None
        self._reported: PullProgress | None = None

    def on_progress(self, progress: PullProgress) -> None:
        """Called by the work."""
        self._newest = progress

    def should_stop(self) -> bool:
        """Asked by the work."""
        return self._left.is_set()

    def over(self, work: Callable[["_Watch"], dict[str, Any]]) -> dict[str, Any]:
        """The work's result.

        Raises:
            StoppedError: the job was asked to stop. Else what the work raises.
        """
        future: Future[dict[str, Any]] = Future()
        threading.Thread(target=self._do, args=(work, future), name="pull", daemon=True).start()
        while not wait([future], timeout=_POLL).done:
            self._report()
            if self._run.stop_requested:
                self._left.set()
                wait([future], timeout=_FAREWELL)
                raise StoppedError
        self._report()
        return future.result()

    def _do(self, work: Callable[["_Watch"], dict[str, Any]], future: "Future[dict[str, Any]]") -> None:
        try:
            future.set_result(work(self))
        except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
            future.set_exception(error)

    def _report(self) -> None:
        newest = self._newest
        if newest is None or newest == self._reported:
            return
        self._reported = newest
        self._run.report(
            Progress(step=newest.files, steps_per_epoch=newest.total_files, message=newest.sentence())
        )
