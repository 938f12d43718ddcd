"""What a Ray cluster costs against this machine: the start of a job, and a short training, in one run."""

import statistics
import time
from datetime import UTC, datetime

from bench.dispatch import EDITS
from bench.house import Figure, Server, server
from tunesmith.client import Client
from tunesmith.data.digits import write_digits
from tunesmith.protocol import Done, EventTail, JobFolder, Started

JOBS = 20
EPOCHS = 5


def run() -> list[Figure]:
    """Dispatch (from POST to the worker's first event) and a training of five epochs (from POST to Done)."""
    # One slot of one thread each, or the two would not compute alike.
    with server(TUNESMITH_CPU_SLOTS="2") as here, _Place(here) as local:
        on_this_machine = local.measure()
    with server(TUNESMITH_EXECUTOR="ray", TUNESMITH_RAY_JOB_CPUS="1") as there, _Place(there) as cluster:
        on_ray = cluster.measure()
    (start, train), (ray_start, ray_train) = on_this_machine, on_ray
    return [
        Figure("jobs each", JOBS),
        Figure("post to first event, this machine", 1000 * start, "ms"),
        Figure("post to first event, Ray", 1000 * ray_start, "ms", limit=500),
        Figure("first event, Ray against this machine", ray_start / start, "times"),
        Figure("training of five epochs, this machine", train, "s"),
        Figure("training of five epochs, Ray", ray_train, "s"),
        Figure("training, Ray against this machine", ray_train / train, "times", limit=1.5),
    ]


class _Place:
    """A server with an experiment; the medians of what its jobs take."""

    def __init__(self, started: Server) -> None:
        self._started = started
        self._client: Client = started.client()
        root = started.data_dir / "workspaces" / "bench"
        write_digits(root / "digits", train=60, val=20, test=20)
        space = self._client.workspaces.create("bench", "self_hosted", {"path": str(root)})
        data = self._client.datasets.create(
            "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
        )
        self._client.datasets.wait(data.id)
        ids = {"train_datasets": [data.id], "eval_dataset": data.id}
        self._experiment = self._client.experiments.create("classification_pyt", workspace=space.id, **ids).id

    def __enter__(self) -> "_Place":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def measure(self) -> tuple[float, float]:
        """Seconds to the first event, and to the end."""
        taken = [self._one() for _ in range(JOBS + 1)][1:]  # the first one waits for the warm process
        return statistics.median(one[0] for one in taken), statistics.median(one[1] for one in taken)

    def _one(self) -> tuple[float, float]:
        posted = datetime.now(UTC)
        specs = EDITS | {"train": {"num_epochs": EPOCHS, "precision": "fp32"}}
        job = self._client.jobs.create(self._experiment, "train", specs)
        self._client.jobs.wait(job, interval=0.05)
        time.sleep(0.1)  # the slot is free again: the server is idle
        events = list(EventTail(JobFolder(self._started.data_dir / "jobs" / job.id)).read())
        started = next(event.time for event in events if isinstance(event, Started))
        done = next(event.time for event in events if isinstance(event, Done))
        return (started - posted).total_seconds(), (done - posted).total_seconds()
