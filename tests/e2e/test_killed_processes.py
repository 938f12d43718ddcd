"""Processes of a real server are killed while it trains: no training is lost, repeated, or run twice."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live_server import Server
from tests.training.jobs import SMALL, nested
from tests.workers.yard import gone, until

from tunesmith.client import Client
from tunesmith.client.models import Job
from tunesmith.protocol import EventTail, Interrupted, JobFolder, Metrics, Progress, Started

EPOCHS = 12
OUTLASTS_A_LEASE = 60
KEYS = SMALL | {"train.num_epochs": EPOCHS, "train.checkpoint_interval": 1, "dataset.batch_size": 16}


class Lab:
    """A server, an experiment on it, and trainings of which the processes are known."""

    def __init__(self, server: Server, client: Client, experiment: str) -> None:
        self.server, self.client, self.experiment = server, client, experiment

    def training(self, epochs: int = EPOCHS) -> Job:
        """A training in its third epoch."""
        specs = nested(KEYS | {"train.num_epochs": epochs})
        job = self.client.jobs.create(self.experiment, "train", specs)
        until(lambda: len(self.epochs(job)) >= 3, f"{job.id} does not train", seconds=120)
        return job

    def done(self, job: Job) -> Job:
        return self.client.jobs.wait(job, interval=0.1, timeout=240)

    def events(self, job: Job) -> EventTail:
        return EventTail(JobFolder(self.server.data_dir / "jobs" / job.id))

    def starts(self, job: Job) -> list[int]:
        """The processes of the job's workers, one after another."""
        return [event.pid for event in self.events(job).read() if isinstance(event, Started)]

    def epochs(self, job: Job) -> list[int]:
        events = [event for event in self.events(job).read() if isinstance(event, Progress)]
        return list(dict.fromkeys(event.epoch for event in events if event.epoch))

    def measured(self, job: Job) -> list[int]:
        """The epochs, as often as they were measured."""
        events = [event for event in self.events(job).read() if isinstance(event, Metrics)]
        return [event.epoch for event in events if event.epoch is not None]

    def kill_server(self) -> None:
        self.server.process.kill()
        self.server.process.wait()

    def start_server(self) -> None:
        self.server.start(int(self.server.url.rsplit(":", maxsplit=1)[1]))


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path, digits_dataset: Path) -> Iterator[Lab]:
    # Two slots on two cores: a training that computes in one thread is as fast beside others.
    lease = str(getattr(request, "param", 30))
    server = Server(tmp_path / "own", TUNESMITH_CPU_SLOTS="2", TUNESMITH_LEASE_SECONDS=lease)
    shutil.copytree(digits_dataset, server.root / "vision" / "digits")
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        space = client.workspaces.create("vision", "self_hosted", {"path": str(server.root / "vision")})
        dataset = client.datasets.create(
            "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
        )
        client.datasets.wait(dataset.id, timeout=60)
        ids = {"train_datasets": [dataset.id], "eval_dataset": dataset.id}
        experiment = client.experiments.create("classification_pyt", workspace=space.id, **ids)
        yield Lab(server, client, experiment.id)
    server.stop()


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_training_goes_on_in_the_same_process_when_its_server_is_killed(lab: Lab):
    job = lab.training()
    (pid,) = lab.starts(job)
    old_fork_server = parent(pid)
    lab.kill_server()
    behind = len(lab.epochs(job))
    until(lambda: len(lab.epochs(job)) > behind, "it trains without a server")
    os.kill(pid, signal.SIGSTOP)  # or it would be done before the new server looks
    lab.start_server()
    os.kill(pid, signal.SIGCONT)
    assert lab.done(job).progress.measured_epoch == EPOCHS
    assert lab.starts(job) == [pid]
    assert lab.measured(job) == list(range(1, EPOCHS + 1)), "nothing is repeated"
    until(lambda: gone(old_fork_server))
    # What is new is started by a process of the new server.
    other = lab.training()
    assert parent(lab.starts(other)[0]) != old_fork_server
    # That one is killed: the training goes on, and so does the service.
    os.kill(parent(lab.starts(other)[0]), signal.SIGKILL)
    third = lab.client.jobs.create(lab.experiment, "evaluate", parent=job)
    assert lab.done(other).status == "Done"
    assert lab.done(third).status == "Done"
    assert len(lab.starts(other)) == 1


def test_a_training_goes_on_from_its_checkpoint_when_all_is_killed_at_once(lab: Lab):
    job = lab.training()
    (pid,) = lab.starts(job)
    for victim in (lab.server.process.pid, parent(pid), pid):
        os.kill(victim, signal.SIGKILL)
    lab.server.process.wait()
    lab.start_server()
    assert lab.done(job).progress.measured_epoch == EPOCHS
    assert len(lab.starts(job)) == 2
    assert list(dict.fromkeys(lab.measured(job))) == list(range(1, EPOCHS + 1)), "no epoch is lost"


@pytest.mark.parametrize("lab", [6], indirect=True)
def test_a_training_stops_by_itself_without_a_server_and_goes_on_with_the_next(lab: Lab):
    job = lab.training(OUTLASTS_A_LEASE)
    (pid,) = lab.starts(job)
    lab.kill_server()
    until(lambda: gone(pid), "its lease ends it")
    (stopped,) = (event for event in lab.events(job).read() if isinstance(event, Interrupted))
    assert "no server was heard" in stopped.message
    lab.start_server()
    assert lab.done(job).status == "Done"
    assert len(lab.starts(job)) == 2


def test_an_ordered_stop_leaves_no_process(lab: Lab):
    job = lab.training()
    (pid,) = lab.starts(job)
    fork_server = parent(pid)
    lab.server.stop()
    assert gone(pid)
    until(lambda: gone(fork_server))
    lab.start_server()
    assert lab.done(job).status == "Done"
