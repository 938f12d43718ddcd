"""Brings a job's datasets onto this machine."""

import time

from tunesmith.data.errors import PullStoppedError
from tunesmith.data.progress import PullProgress
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.pulling import PulledDataset, materialise
from tunesmith.protocol import DatasetInput, Progress
from tunesmith.training.failures import StoppedError
from tunesmith.training.run import Run

_REPORT_SECONDS = 1.0


def fetched(run: Run, dataset: DatasetInput) -> PulledDataset:
    """The dataset in its cache folder; it is fetched first if its copy is not here.

    Raises:
        StoppedError: asked to stop while fetching.
        DatasetError: it cannot be used.
        StorageError: it cannot be fetched.
    """
    reported = time.monotonic()

    def on_progress(progress: PullProgress) -> None:
        nonlocal reported
        if time.monotonic() - reported >= _REPORT_SECONDS:
            reported = time.monotonic()
            run.report(Progress(message=f"dataset {dataset.name}: {progress.sentence()}"))

    def fetch() -> PulledDataset:
        return materialise(
            dataset,
            run.files(dataset.source),
            on_progress=on_progress,
            should_stop=lambda: run.stop_requested,
        )

    try:
        return run.interruptible(fetch)
    except PullStoppedError:
        raise StoppedError from None


def at_hand(dataset: DatasetInput) -> bool:
    """Whether a copy of the dataset is here already."""
    return PulledFolder(dataset.cache).report() is not None
