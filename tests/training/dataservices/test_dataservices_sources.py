"""The action pull from every kind of source; one from an address is killed and goes on where it was."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from tests.cloud_services import AzureServer, GcsServer
from tests.data.pet_data import archive, noise, split
from tests.web_services import HubServer, Page, WebServer

from tunesmith.protocol import DatasetInput, JobFolder, JobRequest
from tunesmith.storage.files import Files
from tunesmith.storage.locations import HubStore, Location, UrlStore
from tunesmith.training.dataservices.pull import pull
from tunesmith.training.run import Run

PETS = {"images_train.tar.gz": split("images_train"), "classes.txt": b"cat\ndog\n"}


@pytest.fixture
def job(tmp_path):
    """Lays out the folder of a pull job."""

    def lay_out(source: Location) -> JobFolder:
        dataset = DatasetInput(
            id=uuid4(),
            name="pets",
            type="image_classification",
            format="classification_pyt",
            source=source,
            cache=tmp_path / "cache",
        )
        folder = JobFolder(tmp_path / "job")
        folder.create(JobRequest(job_id=uuid4(), action="pull", train_datasets=(dataset,)))
        return folder

    return lay_out


def outcome(folder: JobFolder, secrets: dict[str, str]) -> dict[str, object]:
    """What the pull found; the job folder must not hold the secrets."""
    store = folder.request().train_datasets[0].source.store.id
    found = pull(Run(folder, {store: secrets}))
    kept = [path.read_bytes() for path in folder.root.rglob("*") if path.is_file()]
    assert not [one for one in secrets.values() for held in kept if one.encode() in held]
    return found


def test_a_dataset_comes_from_azure(azure_server: AzureServer, job):
    location = azure_server.location("data/pets")
    for key, body in PETS.items():
        Files(location, azure_server.secrets).write(key, body)
    assert outcome(job(location), azure_server.secrets)["valid"] is True


def test_a_dataset_comes_from_google(gcs_server: GcsServer, job):
    location = gcs_server.location("data/pets")
    for key, body in PETS.items():
        gcs_server.put(location, key, body)
    assert outcome(job(location), {})["valid"] is True


def test_a_dataset_comes_from_a_hub(job):
    hub = HubServer()
    hub.files = {f"sets/pets/{key}": body for key, body in PETS.items()}
    hub.large = {"sets/pets/images_train.tar.gz"}
    store = HubStore(id="w", endpoint_url=hub.url)
    folder = job(Location(store=store, prefix="acme/pets@v1.0/sets/pets"))
    assert outcome(folder, {"token": hub.TOKEN})["valid"] is True
    hub.close()


def pull_in_process(root: Path) -> None:
    pull(Run(JobFolder(root), {}))


def wait_for_bytes(path: Path, size: int) -> None:
    deadline = time.monotonic() + 30
    while not (path.exists() and path.stat().st_size >= size):
        assert time.monotonic() < deadline, f"{path} never reached {size} bytes"
        os.sched_yield()


def test_a_pull_from_an_address_killed_in_the_middle_fetches_nothing_twice(job, tmp_path):
    web = WebServer()
    images = {f"images_train/cat/{index}.png": noise(index, 100) for index in range(100)}
    body = archive({"images_train.tar.gz": archive(images), "classes.txt": b"cat\n"})
    gate = threading.Event()
    web.pages["/pets.tar.gz"] = Page(body, break_after=2_000_000, hold=gate)
    url = f"{web.url}/pets.tar.gz"
    folder = job(Location(store=UrlStore(id="d", url=url, private_hosts=("127.0.0.1",), max_bytes=1 << 30)))
    part = tmp_path / "cache" / "download" / "pets.tar.gz.part"

    killed = multiprocessing.get_context("spawn").Process(target=pull_in_process, args=(folder.root,))
    killed.start()
    wait_for_bytes(part, 1_000_000)
    os.kill(killed.pid or 0, signal.SIGKILL)
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    had = part.stat().st_size
    gate.set()

    found = outcome(folder, {})
    assert found["valid"] is True
    assert web.downloads() == ["", f"bytes={had}-"]
    web.close()
