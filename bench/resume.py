"""From the kill of a worker (SIGKILL) to the end of the next epoch, in the worker that follows."""

import os
import signal
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from bench.dispatch import EDITS
from bench.house import Figure, Server, server
from tunesmith.client import Client
from tunesmith.data.digits import write_digits
from tunesmith.protocol import EventTail, JobFolder, Metrics, Started

KILLS = 10
_PATIENCE_SECONDS = 60


def run() -> list[Figure]:
    """What ten kills cost. An epoch is of two steps, so that it hardly counts."""
    with server(TUNESMITH_MAX_RESTARTS=str(KILLS)) as started, started.client() as client:
        found = list(_seconds_to_go_on(JobFolder(started.data_dir / "jobs" / _train(started, client))))
    return [
        Figure("kills", len(found)),
        Figure("kill to the end of the next epoch, median", statistics.median(found), "s"),
        Figure("kill to the end of the next epoch, worst", max(found), "s"),
    ]


def _train(started: Server, client: Client) -> str:
    root = started.data_dir / "workspaces" / "bench"
    write_digits(root / "digits", train=60, val=20, test=20)
    space = client.workspaces.create("bench", "self_hosted", {"path": str(root)})
    data = client.datasets.create(
        "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
    )
    client.datasets.wait(data.id)
    experiment = client.experiments.create("classification_pyt", workspace=space.id, train_datasets=[data.id])
    lasting = {"num_epochs": 100_000, "checkpoint_interval": 100_000}
    specs = EDITS | {"train": {"precision": "fp32"} | lasting}
    return client.jobs.create(experiment.id, "train", specs).id


def _seconds_to_go_on(folder: JobFolder) -> Iterator[float]:
    since = datetime.min.replace(tzinfo=UTC)
    for _ in range(KILLS):
        _first_epoch(folder, since)
        pid = [event.pid for event in EventTail(folder).read() if isinstance(event, Started)][-1]
        since = datetime.now(UTC)
        os.kill(pid, signal.SIGKILL)
        yield (_first_epoch(folder, since) - since).total_seconds()


def _first_epoch(folder: JobFolder, since: datetime) -> datetime:
    """When the first epoch after a moment was over."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for event in EventTail(folder).read():
            if isinstance(event, Metrics) and event.time > since:
                return event.time
        time.sleep(0.01)
    raise RuntimeError(f"no epoch was trained within {_PATIENCE_SECONDS} s")
