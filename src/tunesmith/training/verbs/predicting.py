"""Runs a parent's model over the data of a job: what evaluate and inference share."""

import time
from collections.abc import Iterator
from typing import Any

from tunesmith.protocol import Progress
from tunesmith.training.engine.loading import Loader, Order, Some
from tunesmith.training.engine.log import log
from tunesmith.training.engine.measure import Sink, measure, run_over
from tunesmith.training.engine.pace import REPORT_SECONDS
from tunesmith.training.engine.training import Measured
from tunesmith.training.run import Run
from tunesmith.training.tasks.base import Work
from tunesmith.training.verbs.parents import Opened


def predict_all(run: Run, opened: Opened, work: Work[Any]) -> None:
    """Predict every sample and hand it to the report, and to the meter if there is one.

    Raises:
        StoppedError: asked to stop.
    """
    log(f"{opened.source} in {opened.engine}: {opened.task.subject}, {len(work.source)} samples")
    loader = Loader(work.source, Order(len(work.source), work.batch_size), workers=work.workers)
    sinks: list[Sink] = [work.report] if work.meter is None else [work.meter, work.report]
    run_over(
        _told(run, loader),
        lambda batch: opened.predict(opened.task.inputs(batch)),
        sinks,
        run.raise_if_stopped,
    )


def measure_some(run: Run, opened: Opened, work: Work[Any], most: int) -> Measured:
    """The metrics on at most so many samples, always the same ones.

    Raises:
        StoppedError: asked to stop.
    """
    assert work.meter is not None  # noqa: S101 - answers are known
    source = Some(work.source, most)
    loader = Loader(source, Order(len(source), work.batch_size), workers=work.workers)
    return measure(
        loader.epoch(),
        lambda batch: opened.predict(opened.task.inputs(batch)),
        work.meter,
        run.raise_if_stopped,
    )


def _told(run: Run, loader: Loader[Any]) -> Iterator[Any]:
    """The batches, while progress is reported."""
    began = reported = time.monotonic()
    for step, batch in enumerate(loader.epoch(), start=1):
        yield batch
        now = time.monotonic()
        if now - reported >= REPORT_SECONDS or step == len(loader):
            reported = now
            pace = (now - began) / step
            run.report(
                Progress(
                    epoch=1,
                    step=step,
                    steps_per_epoch=len(loader),
                    eta=pace * (len(loader) - step),
                    seconds_per_step=pace,
                    message=f"batch {step} of {len(loader)}",
                )
            )
