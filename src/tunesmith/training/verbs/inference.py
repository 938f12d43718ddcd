"""Predicts with a parent's model."""

import time
from typing import Any

from tunesmith.training.engine.log import log
from tunesmith.training.run import Run
from tunesmith.training.verbs.job import open_job
from tunesmith.training.verbs.parents import open_model
from tunesmith.training.verbs.predicting import predict_all


def inference(run: Run) -> dict[str, Any]:
    """Predict and write the predictions to the results.

    Returns:
        model, engine, counts of the report, seconds.

    Raises:
        StoppedError: asked to stop.
        JobError, SpecError, DatasetError, StorageError: the job cannot go on.
    """
    started = time.monotonic()
    job = open_job(run)
    opened = open_model(job)
    run.raise_if_stopped()
    work = opened.task.inference(job.spec)
    predict_all(run, opened, work)
    counts = work.report.write(run.results)
    log("  ".join(f"{name} {value}" for name, value in counts.items()))
    return {
        "model": opened.source,
        "engine": opened.engine,
        **counts,
        "seconds": round(time.monotonic() - started, 3),
    }
