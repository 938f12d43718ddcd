"""Real trainings on nodes of a Ray cluster that share no disk with the server, and what befalls them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from tests.e2e.test_killed_processes import parent
from tests.live_server import Server
from tests.ray_cluster import RayCluster, RayNode, until
from tests.s3_services import SECRETS, S3Server
from tests.training.jobs import SMALL, nested
from tests.workers.yard import gone

from tunesmith.client import Client
from tunesmith.client.models import Job
from tunesmith.data.digits import write_digits
from tunesmith.protocol import EventTail, JobFolder, Metrics, Started
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location, S3Store
from tunesmith.training.engine.checkpoints import load_checkpoint

EPOCHS = 16
LONG = SMALL | {"train.num_epochs": EPOCHS, "train.checkpoint_interval": 1, "dataset.batch_size": 16}
# A backbone without batch normalisation, whose statistics would be those of each process.
ALIKE = SMALL | {"model.backbone.type": "test_convnext", "train.num_epochs": 2}
IMAGES = 101  # in steps of 32 the last one has 5: 3 for one node, 2 for the other


class Lab:
    """A server whose jobs run on a cluster, and an experiment in a bucket."""

    def __init__(self, server: Server, client: Client, store: S3Store) -> None:
        self.server, self.client = server, client
        self.bucket = Files(Location(store=store), SECRETS)
        details = {
            "endpoint_url": store.endpoint_url,
            "cloud_bucket_name": store.bucket,
            "cloud_region": store.region,
            **SECRETS,
        }
        space = client.workspaces.create("bucket", "self_hosted", details)
        dataset = client.datasets.create(
            "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
        )
        client.datasets.wait(dataset.id, timeout=60)
        ids = {"train_datasets": [dataset.id], "eval_dataset": dataset.id}
        self.experiment = client.experiments.create("classification_pyt", workspace=space.id, **ids).id

    def train(self, specs: dict[str, object], epochs: int = 0) -> Job:
        """A training that has measured so many epochs."""
        job = self.client.jobs.create(self.experiment, "train", nested(specs))
        until(lambda: len(self.measured(job)) >= epochs, f"{job.id} does not train")
        return job

    def done(self, job: Job) -> Job:
        return self.client.jobs.wait(job, interval=0.1, timeout=240)

    def events(self, job: Job) -> EventTail:
        return EventTail(JobFolder(self.server.data_dir / "jobs" / job.id))

    def starts(self, job: Job) -> list[int]:
        return [event.pid for event in self.events(job).read() if isinstance(event, Started)]

    def measured(self, job: Job) -> list[int]:
        events = [event for event in self.events(job).read() if isinstance(event, Metrics)]
        return [event.epoch for event in events if event.epoch is not None]

    def node_of(self, pid: int, cluster: RayCluster) -> RayNode:
        """The node that a worker runs on: its fork server was started by the node's keeper."""
        keeper = parent(parent(pid))
        (node,) = (one for one in cluster.nodes if keeper in one.processes())
        return node

    def weights(self, job: Job, folder: Path) -> dict[str, torch.Tensor]:
        fetched = folder / f"{job.id}.pth"
        self.bucket.download(f"results/{job.id}/model_latest.pth", fetched)
        found: dict[str, torch.Tensor] = load_checkpoint(fetched)["model"]
        return found


@contextmanager
def lab_on(cluster: RayCluster, folder: Path, s3_server: S3Server, lease: int = 30) -> Iterator[Lab]:
    server = Server(
        folder / "own",
        TUNESMITH_EXECUTOR="ray",
        TUNESMITH_RAY_ADDRESS=cluster.address,
        TUNESMITH_RAY_JOB_CPUS="1",
        TUNESMITH_LEASE_SECONDS=str(lease),
    )
    digits = folder / "digits"
    write_digits(digits, train=IMAGES, val=40, test=10)
    bucket = s3_server.bucket()
    store = S3Store(id=bucket, bucket=bucket, endpoint_url=s3_server.url)
    place = Files(Location(store=store, prefix="digits"), s3_server.secrets)
    for file in digits.iterdir():
        place.write(file.name, file.read_bytes())
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        yield Lab(server, client, store)
    server.stop()


@pytest.fixture
def lab(tmp_path: Path, s3_server: S3Server, ray_cluster: RayCluster) -> Iterator[Lab]:
    with lab_on(ray_cluster, tmp_path, s3_server) as lab:
        yield lab


@pytest.fixture
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """A cluster to lose nodes of: each has one processor."""
    cluster = RayCluster(hidden=tmp_path_factory.getbasetemp())
    for _ in range(4):
        cluster.add(cpus=1)
    yield cluster
    cluster.stop()


def test_two_nodes_learn_what_one_process_does_with_the_same_steps(lab: Lab, tmp_path: Path):
    alone = lab.done(lab.train(ALIKE | {"dataset.batch_size": 32}))
    both = lab.done(lab.train(ALIKE | {"dataset.batch_size": 16, "train.num_nodes": 2}))
    one, two = (lab.weights(job, tmp_path) for job in (alone, both))
    assert max(float((one[key] - two[key]).abs().max()) for key in one) < 1e-5
    assert "in each of 2 processes" in lab.client.jobs.logs(both)
    curves = [job.progress.curves["train_loss"] for job in (alone, both)]
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_a_training_goes_on_in_the_same_process_when_its_server_is_killed(lab: Lab):
    job = lab.train(LONG, epochs=2)
    (pid,) = lab.starts(job)
    lab.server.process.kill()
    lab.server.process.wait()
    assert not gone(pid)
    os.kill(pid, signal.SIGSTOP)  # or it would be done before the new server looks
    lab.server.start(int(lab.server.url.rsplit(":", maxsplit=1)[1]))
    os.kill(pid, signal.SIGCONT)
    assert lab.done(job).progress.measured_epoch == EPOCHS
    assert lab.starts(job) == [pid]
    assert lab.measured(job) == list(range(1, EPOCHS + 1)), "nothing is lost or repeated"


def test_a_training_whose_node_is_lost_goes_on_elsewhere(
    machines: RayCluster, tmp_path: Path, s3_server: S3Server
):
    with lab_on(machines, tmp_path, s3_server, lease=9) as lab:
        alone = lab.train(LONG, epochs=2)
        (pid,) = lab.starts(alone)
        lab.node_of(pid, machines).kill()  # it is cut off
        assert lab.done(alone).progress.measured_epoch == EPOCHS
        assert len(lab.starts(alone)) == 2
        assert gone(pid), "its lease has ended the worker that nobody heard"

        few = 6
        both = lab.train(LONG | {"train.num_nodes": 2, "train.num_epochs": few}, epochs=2)
        (pid,) = lab.starts(both)
        lab.node_of(pid, machines).cut_power()
        assert lab.done(both).progress.measured_epoch == few
        assert len(lab.starts(both)) == 2
        assert list(dict.fromkeys(lab.measured(both))) == list(range(1, few + 1))
        for job in (alone, both):
            assert "goes on after epoch" in lab.client.jobs.logs(job)
