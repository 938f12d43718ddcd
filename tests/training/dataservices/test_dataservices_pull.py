"""The action pull: progress, a stop within a second, a kill in the middle, and bad datasets."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from tests.data.pet_data import archive, noise, split
from tests.s3_services import Gate, S3Server

from tunesmith.protocol import DatasetInput, EventTail, JobFolder, JobRequest, Progress
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location, S3Store
from tunesmith.training.dataservices.pull import pull
from tunesmith.training.failures import StoppedError
from tunesmith.training.run import Run


@pytest.fixture
def bucket(s3_server):
    """A dataset of two archives of 3 MB each."""
    location = s3_server.location("pets")
    files = Files(location, s3_server.secrets)
    for name in ("images_train", "images_val"):
        images = {f"{name}/cat/{index}.png": noise(index, 100) for index in range(100)}
        files.write(f"{name}.tar.gz", archive(images))
    files.write("classes.txt", b"cat\n")
    return location


@pytest.fixture
def job(tmp_path):
    """Lays out the folder of a pull job."""

    def lay_out(source: Location, specs: dict[str, bool] | None = None) -> JobFolder:
        dataset = DatasetInput(
            id=uuid4(),
            name="pets",
            type="image_classification",
            format="classification_pyt",
            source=source,
            cache=tmp_path / "cache",
        )
        folder = JobFolder(tmp_path / "job")
        folder.create(JobRequest(job_id=uuid4(), action="pull", train_datasets=(dataset,), specs=specs or {}))
        return folder

    return lay_out


@pytest.fixture
def gate(s3_server):
    """A gate that lets the first archive and half of the second through, then holds the rest."""
    gate = Gate(s3_server, limit=4_500_000)
    yield gate
    gate.close()


def through(gate: Gate, location: Location) -> Location:
    assert isinstance(location.store, S3Store)
    store = location.store.model_copy(update={"endpoint_url": gate.url})
    return location.model_copy(update={"store": store})


def run_of(folder: JobFolder, server: S3Server, stop: threading.Event | None = None) -> Run:
    return Run(folder, {folder.request().train_datasets[0].source.store.id: server.secrets}, stop)


def progress_of(folder: JobFolder) -> list[Progress]:
    return [event for event in EventTail(folder).read() if isinstance(event, Progress)]


def pull_in_process(root: Path, secrets: dict[str, dict[str, str]]) -> None:
    pull(Run(JobFolder(root), secrets))


def wait_for_bytes(path: Path, size: int) -> None:
    deadline = time.monotonic() + 30
    while not (path.exists() and path.stat().st_size >= size):
        assert time.monotonic() < deadline, f"{path} never reached {size} bytes"
        os.sched_yield()


def test_a_pull_reports_progress_and_what_it_found(bucket, s3_server, job):
    folder = job(bucket)
    outcome = pull(run_of(folder, s3_server))
    assert outcome["valid"] is True
    assert outcome["findings"] == []
    assert outcome["counts"]["images"] == {"images_train": 100, "images_val": 100}
    last = progress_of(folder)[-1]
    assert (last.step, last.steps_per_epoch) == (200, 200)
    assert last.message == "checking 200/200 files"


def test_an_invalid_dataset_is_a_result_with_its_findings(s3_server, job):
    location = s3_server.location()
    files = Files(location, s3_server.secrets)
    files.write("images_train.tar.gz", split("images_train", ("cat", "dgo")))
    files.write("classes.txt", b"cat\ndog\n")
    outcome = pull(run_of(job(location), s3_server))
    assert outcome["valid"] is False
    assert "Rename the folder to 'dog'" in outcome["sentence"]
    assert outcome["findings"][0]["severity"] == "error"
    assert outcome["counts"]["images"] == {"images_train": 4}


def test_validation_can_be_skipped(s3_server, job):
    location = s3_server.location()
    files = Files(location, s3_server.secrets)
    files.write("images_train.tar.gz", split("images_train", ("unknown",)))
    files.write("classes.txt", b"cat\n")
    assert pull(run_of(job(location, {"skip_validation": True}), s3_server))["valid"] is True


def test_every_image_is_checked_on_request(s3_server, job, monkeypatch):
    monkeypatch.setattr("tunesmith.data.inside.sample", lambda images: images[:1])
    location = s3_server.location()
    files = Files(location, s3_server.secrets)
    files.write("images_train.tar.gz", split("images_train"))
    files.write("classes.txt", b"cat\ndog\n")
    assert pull(run_of(job(location, {"check_all_images": True}), s3_server))["counts"]["decoded"] == 4


def test_a_store_without_the_bucket_fails_the_job(s3_server, job):
    store = S3Store(id="w", bucket="no-such-bucket", endpoint_url=s3_server.url)
    with pytest.raises(StorageError, match="no-such-bucket"):
        pull(run_of(job(Location(store=store)), s3_server))


def test_a_pull_killed_in_the_middle_continues_without_fetching_twice(bucket, s3_server, job, gate, tmp_path):
    folder = job(through(gate, bucket))
    second_half = tmp_path / "cache" / "files" / "images_val.tar.gz.part"
    secrets = {bucket.store.id: s3_server.secrets}
    killed = multiprocessing.get_context("spawn").Process(target=pull_in_process, args=(folder.root, secrets))
    killed.start()
    wait_for_bytes(second_half, 1_000_000)
    os.kill(killed.pid or 0, signal.SIGKILL)
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    had = second_half.stat().st_size

    gate.open()
    outcome = pull(run_of(folder, s3_server))
    assert outcome["valid"] is True
    assert outcome["counts"]["images"] == {"images_train": 100, "images_val": 100}
    assert sorted(gate.gets) == [
        ("classes.txt", 0),
        ("images_train.tar.gz", 0),
        ("images_val.tar.gz", 0),
        ("images_val.tar.gz", had),
    ]


def test_a_stop_ends_a_pull_although_the_store_hangs(bucket, s3_server, job, gate):
    folder = job(through(gate, bucket))
    stop = threading.Event()

    def stop_when_held_up() -> None:
        gate.reached.wait()
        stop.set()

    threading.Thread(target=stop_when_held_up).start()
    with pytest.raises(StoppedError):  # the gate stays shut: only a pull that does not wait for it ends
        pull(run_of(folder, s3_server, stop))
    gate.open()
    assert pull(run_of(folder, s3_server))["valid"] is True
