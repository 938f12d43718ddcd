"""A training that is paused and resumed on a real server ends bit by bit as if nothing had happened."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.live_server import Server
from tests.training.jobs import SMALL, nested

from tunesmith.client import BadRequestError, Client
from tunesmith.client.models import Job
from tunesmith.training.engine.checkpoints import load_checkpoint

EPOCHS = 8
# Dropout, augmentation, averaged weights and a momentum each have a state of their own to keep.
SPECS = nested(
    SMALL
    | {
        "train.num_epochs": EPOCHS,
        "train.checkpoint_interval": EPOCHS,
        "train.enable_ema": True,
        "dataset.batch_size": 16,
        "model.head.custom_args": {"drop_rate": 0.2},
        "dataset.augmentation.random_flip.enable": True,
    }
)


@pytest.fixture
def client(own_server: Server) -> Iterator[Client]:
    with Client(own_server.url, org=own_server.org, api_key=own_server.api_key) as client:
        yield client


@pytest.fixture
def experiment(client: Client, own_server: Server, digits_dataset: Path) -> str:
    shutil.copytree(digits_dataset, own_server.root / "vision" / "digits")
    space = client.workspaces.create("vision", "self_hosted", {"path": str(own_server.root / "vision")})
    dataset = client.datasets.create(
        "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
    )
    client.datasets.wait(dataset.id, timeout=60)
    ids = {"train_datasets": [dataset.id], "eval_dataset": dataset.id}
    return client.experiments.create("classification_pyt", workspace=space.id, **ids).id


def until(client: Client, job: Job, *states: str, epoch: int = 0) -> Job:
    """The job once it is in one of these states and has measured so many epochs."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        job = client.jobs.refresh(job)
        if job.status in states and job.progress.measured_epoch >= epoch:
            return job
        assert not job.ended or job.status in states, client.jobs.logs(job)
        time.sleep(0.02)
    raise AssertionError(f"{job.status}: {client.jobs.logs(job)}")


def latest(server: Server, job: Job) -> dict[str, Any]:
    """The weights and the optimiser's state at the end of a training."""
    path = server.root / "vision" / "results" / job.id / "model_latest.pth"
    saved = load_checkpoint(path)
    return {name: saved[name] for name in ("model", "ema", "optimizer", "done", "best", "losses")}


def same(one: Any, other: Any) -> bool:
    match one:
        case torch.Tensor():
            return torch.equal(one, other)
        case dict():
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return bool(one == other)


@pytest.mark.shows(
    "POST /experiments/{experiment_id}/jobs/{job_id}:pause",
    "POST /experiments/{experiment_id}/jobs/{job_id}:resume",
)
def test_a_paused_training_goes_on_bit_by_bit_where_it_stopped(
    client: Client, own_server: Server, experiment: str
):
    undisturbed = client.jobs.wait(client.jobs.create(experiment, "train", SPECS), interval=0.1, timeout=240)
    job = until(client, client.jobs.create(experiment, "train", SPECS), "Running", epoch=2)
    client.jobs.pause(job)
    job = until(client, job, "Paused")
    assert "Stopped on request" in job.progress.message
    assert "Stopped in epoch" in client.jobs.logs(job)
    # The slot is free: something else can run meanwhile.
    client.jobs.wait(client.jobs.create(experiment, "evaluate", parent=undisturbed), interval=0.1, timeout=60)
    with pytest.raises(BadRequestError, match=r"train\.optim\.lr: cannot change"):
        client.jobs.resume(job, {"train": {"optim": {"lr": 1.0}}})
    client.jobs.resume(job)
    job = client.jobs.wait(job, interval=0.1, timeout=240)
    assert "goes on after epoch" in client.jobs.logs(job)
    assert same(latest(own_server, undisturbed), latest(own_server, job))
    curves = (undisturbed.progress.curves, job.progress.curves)
    assert curves[0] == curves[1]
    assert len(curves[0]["train_loss"]) == EPOCHS


def test_a_server_that_is_killed_while_a_job_pauses_leaves_it_paused(
    client: Client, own_server: Server, experiment: str
):
    job = until(client, client.jobs.create(experiment, "train", SPECS), "Running", epoch=2)
    port = int(own_server.url.rsplit(":", maxsplit=1)[1])
    # The worker sleeps, so that the server dies before the job is Paused.
    events = (own_server.data_dir / "jobs" / job.id / "events.jsonl").read_text()
    pid = int(events.split('"pid":')[1].split(",")[0])
    os.kill(pid, signal.SIGSTOP)
    client.jobs.pause(job)
    assert client.jobs.refresh(job).status == "Pausing"
    os.kill(own_server.process.pid, signal.SIGKILL)
    own_server.process.wait()
    os.kill(pid, signal.SIGCONT)
    own_server.start(port)
    job = until(client, job, "Paused")
    client.jobs.resume(job, {"train": {"num_epochs": EPOCHS + 1}})
    done = client.jobs.wait(job, interval=0.1, timeout=240)
    assert done.progress.measured_epoch == EPOCHS + 1
    assert "goes on after epoch" in client.jobs.logs(done)
