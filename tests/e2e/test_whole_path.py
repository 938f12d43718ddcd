"""From login to predictions as a user goes, on real servers: embedded, grown, killed."""

import csv
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live_server import Server
from tests.s3_services import S3Server
from tests.training.jobs import SMALL, nested

from tunesmith.client import Client
from tunesmith.client.models import Job
from tunesmith.storage.files import Files

LEARNING = SMALL | {"dataset.batch_size": 16, "train.num_epochs": 8, "train.checkpoint_interval": 4}
SPECS = nested(LEARNING | {"train.optim.lr": 5e-3})
ENDLESS = nested(LEARNING | {"train.num_epochs": 100_000, "train.checkpoint_interval": 100_000})


@pytest.fixture
def client(own_server: Server) -> Iterator[Client]:
    with Client(own_server.url, org=own_server.org, api_key=own_server.api_key) as client:
        yield client


def experiment_on(client: Client, workspace: str) -> str:
    """An experiment with one dataset for everything, pulled."""
    dataset = client.datasets.create(
        "image_classification", "classification_pyt", workspace=workspace, cloud_file_path="/digits"
    )
    assert client.datasets.wait(dataset.id).usable
    ids = {"eval_dataset": dataset.id, "inference_dataset": dataset.id}
    return client.experiments.create(
        "classification_pyt", workspace=workspace, train_datasets=[dataset.id], **ids
    ).id


def local_experiment(client: Client, server: Server, digits: Path) -> str:
    folder = server.root / "vision"
    folder.mkdir(exist_ok=True)
    copy_into(digits, folder / "digits")
    space = client.workspaces.create("vision", "self_hosted", {"path": str(folder)})
    return experiment_on(client, space.id)


def copy_into(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


def until(client: Client, job: Job, seconds: float, condition: str) -> Job:
    """The job once it has a curve ("learning") or has ended ("ended")."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = client.jobs.refresh(job)
        details = job.job_details.get(job.id, {})
        if job.ended or (condition == "learning" and details.get("graphical")):
            return job
        time.sleep(0.05)
    raise AssertionError(client.jobs.logs(job))


def test_on_postgresql_and_s3_every_action_works_and_results_lie_in_the_bucket(
    grown_server: Server, s3_server: S3Server, digits_dataset: Path, tmp_path: Path
):
    bucket = s3_server.location()
    for path in digits_dataset.iterdir():
        s3_server.put(bucket, f"digits/{path.name}", path.read_bytes())
    details = s3_server.secrets | {
        "cloud_region": "us-east-1",
        "cloud_bucket_name": bucket.store.bucket,  # type: ignore[union-attr]
    }
    with Client(grown_server.url, org=grown_server.org, api_key=grown_server.api_key) as client:
        experiment = experiment_on(client, client.workspaces.create("cloud", "aws", details).id)
        train = client.jobs.wait(client.jobs.create(experiment, "train", SPECS), interval=0.1)
        steps = [("evaluate", train), ("export", train), ("inference", train)]
        done = {
            action: client.jobs.wait(client.jobs.create(experiment, action, parent=parent), interval=0.1)
            for action, parent in steps
        }
        onnx = client.jobs.wait(
            client.jobs.create(experiment, "inference", parent=done["export"]), interval=0.1
        )
        accuracy = train.job_details[train.id]["key_metric"]
        difference = done["export"].job_details[done["export"].id]["outcome"]["onnx_max_abs_diff"]
        client.jobs.download(onnx, tmp_path / "onnx")
        client.jobs.download(done["inference"], tmp_path / "torch")
    assert accuracy > 0.5, "chance is 0.1"
    assert difference < 1e-3
    in_bucket = {info.key for info in Files(bucket.child(f"results/{train.id}"), s3_server.secrets).list()}
    assert {"model_best.pth", "model_latest.pth", "model_epoch_004.pth", "model_epoch_008.pth"} <= in_bucket
    assert predicted(tmp_path / "onnx") == predicted(tmp_path / "torch")


def predicted(folder: Path) -> list[str]:
    (table,) = folder.rglob("predictions.csv")
    with table.open(newline="", encoding="utf-8") as rows:
        return [",".join(list(row.values())[:2]) for row in csv.DictReader(rows)]


def test_a_killed_server_loses_nothing_and_goes_on(client: Client, own_server: Server, digits_dataset: Path):
    experiment = local_experiment(client, own_server, digits_dataset)
    job = until(client, client.jobs.create(experiment, "train", ENDLESS), 60, "learning")
    port = int(own_server.url.rsplit(":", maxsplit=1)[1])
    os.kill(own_server.process.pid, signal.SIGKILL)
    own_server.process.wait()
    own_server.start(port)
    before = client.jobs.refresh(job).job_details[job.id]["epoch"]
    deadline = time.monotonic() + 60
    while (found := client.jobs.refresh(job)).job_details[job.id]["epoch"] <= before:
        assert time.monotonic() < deadline, "the job does not go on"
        time.sleep(0.1)
    assert found.status == "Running"
    assert client.jobs.logs(job).count("train classification_pyt") == 1, "it never stopped"
    client.jobs.cancel(job)
    assert until(client, job, 30, "ended").status == "Canceled"


def test_cancel_keeps_the_checkpoint_and_frees_the_slot(
    client: Client, own_server: Server, digits_dataset: Path
):
    experiment = local_experiment(client, own_server, digits_dataset)
    long = until(client, client.jobs.create(experiment, "train", ENDLESS), 60, "learning")
    waiting = client.jobs.create(experiment, "evaluate", parent=long)
    client.jobs.cancel(long)
    assert until(client, long, 30, "ended").status == "Canceled"
    assert until(client, waiting, 60, "ended").status == "Done"
    assert any(name.endswith("model_latest.pth") for name in client.jobs.files(long))


def test_a_dataset_with_a_fault_is_refused_with_file_and_remedy(
    client: Client, own_server: Server, digits_dataset: Path
):
    folder = own_server.root / "vision"
    folder.mkdir()
    copy_into(digits_dataset, folder / "digits")
    (folder / "digits" / "images_val.tar.gz").write_bytes(b"not an archive")
    space = client.workspaces.create("vision", "self_hosted", {"path": str(folder)})
    dataset = client.datasets.create(
        "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
    )
    reply = own_server.api("GET", f"/datasets/{dataset.id}")
    deadline = time.monotonic() + 30
    while reply.json()["status"] in {"starting", "in_progress"} and time.monotonic() < deadline:
        time.sleep(0.05)
        reply = own_server.api("GET", f"/datasets/{dataset.id}")
    assert reply.status_code == 200
    assert reply.json()["status"] == "invalid_pull"
    assert "images_val.tar.gz" in reply.json()["status_reason"]
