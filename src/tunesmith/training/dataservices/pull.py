"""The action `pull`: brings a dataset into its cache and looks inside."""

import time
from typing import Any

from tunesmith.data.errors import PullStoppedError
from tunesmith.data.findings import DatasetReport
from tunesmith.data.progress import PullProgress
from tunesmith.data.pulling import pull as pull_dataset
from tunesmith.protocol import Progress
from tunesmith.training.failures import StoppedError
from tunesmith.training.run import Run

_SECONDS_BETWEEN_REPORTS = 0.1


def pull(run: Run) -> dict[str, Any]:
    """Pull the one dataset of the request; its report, with `valid` and `sentence` beside it.

    An invalid dataset is a result here, not a failure. The spec `skip_validation` leaves the inside unread,
    `check_all_images` has every image of a large set decoded.

    Raises:
        StoppedError: asked to stop; what has arrived is kept.
        StorageError, DatasetError: as `tunesmith.data.pulling.pull`.
    """
    (dataset,) = run.request.train_datasets
    teller = _Teller(run)

    def work() -> DatasetReport:
        return pull_dataset(
            dataset.type,
            dataset.format,
            dataset.intents,
            run.files(dataset.source),
            dataset.cache,
            on_progress=teller.take,
            should_stop=lambda: run.stop_requested,
            skip_validation=bool(run.request.specs.get("skip_validation")),
            all_images=bool(run.request.specs.get("check_all_images")),
        )

    try:
        report = run.interruptible(work)
    except PullStoppedError:
        raise StoppedError from None
    teller.tell()
    return {**report.model_dump(mode="json"), "valid": report.valid, "sentence": report.sentence()}


class _Teller:
    """Reports progress, a few times a second at most."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._untold: PullProgress | None = None
        self._told_at = 0.0

    def take(self, progress: PullProgress) -> None:
        """There is progress."""
        self._untold = progress
        if time.monotonic() - self._told_at >= _SECONDS_BETWEEN_REPORTS:
            self.tell()

    def tell(self) -> None:
        """Report the newest progress, unless that is done."""
        if self._untold is None:
            return
        newest, self._untold, self._told_at = self._untold, None, time.monotonic()
        self._run.report(
            Progress(step=newest.files, steps_per_epoch=newest.total_files, message=newest.sentence())
        )
