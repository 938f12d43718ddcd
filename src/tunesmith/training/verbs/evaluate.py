"""Measures a parent's model on data with known answers."""

import time
from typing import Any

from tunesmith.protocol import Metrics
from tunesmith.training.engine.log import log
from tunesmith.training.run import Run
from tunesmith.training.verbs.job import open_job
from tunesmith.training.verbs.parents import open_model
from tunesmith.training.verbs.predicting import predict_all


def evaluate(run: Run) -> dict[str, Any]:
    """Evaluate and write the findings to the results.

    Returns:
        model, engine, metrics (named as in training), figures (as in metrics.json), seconds.

    Raises:
        StoppedError: asked to stop.
        JobError, SpecError, DatasetError, StorageError: the job cannot go on.
    """
    started = time.monotonic()
    job = open_job(run)
    opened = open_model(job)
    run.raise_if_stopped()
    work = opened.task.evaluation(job.spec)
    assert work.meter is not None  # noqa: S101 - answers are known
    predict_all(run, opened, work)
    measured = work.meter.compute()
    values = measured.named()
    run.report(Metrics(values=dict(values), per_category=dict(measured.per_category)))
    figures = work.report.write(run.results)
    log("  ".join(f"{name} {value:.4g}" for name, value in values.items()))
    return {
        "model": opened.source,
        "engine": opened.engine,
        "metrics": values,
        "figures": figures,
        "seconds": round(time.monotonic() - started, 3),
    }
