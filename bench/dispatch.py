"""From the POST of a job to its worker's first event, one job at a time on an idle server."""

import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.house import Figure, Server, server
from tunesmith.data.digits import write_digits
from tunesmith.protocol import EventTail, JobFolder, Started

JOBS = 50
EDITS = {
    "model": {"backbone": {"type": "resnet10t"}},
    "dataset": {"img_size": 32, "batch_size": 32, "workers": 0},
    "train": {"num_epochs": 1, "precision": "fp32"},
}


def run() -> list[Figure]:
    """The latency of 50 jobs, each posted when the one before has ended."""
    with server() as started:
        latencies = _measure(started)
    return [
        Figure("jobs", len(latencies)),
        Figure("post to first event, median", 1000 * statistics.median(latencies), "ms", limit=250),
        Figure("post to first event, worst", 1000 * max(latencies), "ms", limit=1000),
    ]


def _measure(started: Server) -> list[float]:
    root = started.data_dir / "workspaces" / "bench"
    write_digits(root / "digits", train=60, val=20, test=20)
    with started.client() as client:
        space = client.workspaces.create("bench", "self_hosted", {"path": str(root)})
        data = client.datasets.create(
            "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
        )
        client.datasets.wait(data.id)
        experiment = client.experiments.create(
            "classification_pyt", workspace=space.id, train_datasets=[data.id], eval_dataset=data.id
        )
        latencies = []
        for _ in range(JOBS + 1):
            posted = datetime.now(UTC)
            job = client.jobs.create(experiment.id, "train", EDITS)
            client.jobs.wait(job, interval=0.05)
            latencies.append((_first_event(started.data_dir, job.id) - posted).total_seconds())
            time.sleep(0.05)  # the slot is free again: the server is idle
    return latencies[1:]  # the first one waits for the warm process to finish its imports


def _first_event(data_dir: Path, job_id: str) -> datetime:
    events = EventTail(JobFolder(data_dir / "jobs" / job_id)).read()
    return next(event.time for event in events if isinstance(event, Started))
