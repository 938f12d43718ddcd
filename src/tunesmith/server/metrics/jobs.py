"""How long jobs waited and ran, noted as they start and end.

The values are those of this process, as is usual for Prometheus: they begin anew with each start of the
server, and each server notes the jobs that it runs itself.
"""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

JOBS = CollectorRegistry()

_START_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_RUN_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600)

_waited = Histogram(
    "tunesmith_job_start_latency_seconds",
    "Time from the posting of a job to its start; waiting for a parent, a dataset or a slot counts.",
    ("action", "network"),
    buckets=_START_SECONDS,
    registry=JOBS,
)
_ran = Histogram(
    "tunesmith_job_seconds",
    "Time from the last start of a job to its end.",
    ("action", "network", "status"),
    buckets=_RUN_SECONDS,
    registry=JOBS,
)
_ends = Counter(
    "tunesmith_job_ends",
    "Jobs that ended; the cause is that of a failure.",
    ("action", "network", "status", "cause"),
    registry=JOBS,
)
_restarts = Counter(
    "tunesmith_job_restarts",
    "Workers that were lost and whose jobs were started again.",
    ("action", "network"),
    registry=JOBS,
)


def note_start(action: str, network: str | None, posted: datetime, started: datetime) -> None:
    """A job has started for the first time."""
    _waited.labels(action, network or "").observe((started - posted).total_seconds())


def note_end(
    action: str, network: str | None, status: str, cause: str, started: datetime | None, ended: datetime
) -> None:
    """A job has ended. One that had started has a time for which it ran."""
    _ends.labels(action, network or "", status, cause).inc()
    if started is not None:
        _ran.labels(action, network or "", status).observe((ended - started).total_seconds())


def note_restart(action: str, network: str | None) -> None:
    """A worker was lost, and its job is to be started again."""
    _restarts.labels(action, network or "").inc()
