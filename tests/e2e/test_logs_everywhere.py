"""The log of one job, followed over a restart of its server and on another server of the same database."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from tests.live_server import Account, Installation, Server
from tests.training.jobs import SMALL, nested

from tunesmith.client import Client


@pytest.fixture
def environment(postgres_url: str) -> dict[str, str]:
    return {"TUNESMITH_DATABASE_URL": postgres_url, "TUNESMITH_SECRET_KEY": Fernet.generate_key().decode()}


@pytest.fixture
def first(tmp_path: Path, environment: dict[str, str]) -> Iterator[Server]:
    running = Server(tmp_path / "first", **environment)
    yield running
    running.stop()


@pytest.fixture
def second(tmp_path: Path, environment: dict[str, str]) -> Iterator[Installation]:
    """Another server of the same database, with folders of its own. It has not been started yet."""
    running = Installation(tmp_path / "second", **environment)
    yield running
    running.stop()


def train(account: Account, folder: Path, digits: Path, epochs: int) -> tuple[str, str]:
    """The ids of an experiment and of a training that takes a while."""
    shutil.copytree(digits, folder / "data" / "digits")
    with Client(account.url, account.org, api_key=account.api_key) as client:
        space = account.local_workspace(folder)
        dataset = client.datasets.create(
            "image_classification", "classification_pyt", workspace=space, cloud_file_path="data/digits"
        )
        client.datasets.wait(dataset.id, interval=0.1, timeout=60)
        experiment = client.experiments.create("classification_pyt", workspace=space)
        client.experiments.update(experiment.id, train_datasets=[dataset.id])
        specs = nested(SMALL | {"dataset.batch_size": 16, "train.num_epochs": epochs})
        return experiment.id, client.jobs.create(experiment.id, "train", specs).id


def test_a_command_follows_a_log_over_a_restart_of_the_server(first: Server, digits_dataset: Path):
    experiment, job = train(first, first.folder("space"), digits_dataset, epochs=8)
    first.run("login", "--url", first.url, "--org", first.org, "--api-key", first.api_key)
    words = first.command("jobs", "logs", job, "--experiment", experiment, "-f", "--exit-status")
    with subprocess.Popen(words, env=first.environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        seen = [next(line for line in following.stdout if line.startswith("epoch 1/8"))]
        port = httpx.URL(first.url).port
        first.stop()
        first.start(port or 0)
        seen += list(following.stdout)
    assert following.returncode == 0
    whole = first.api("GET", f"/experiments/{experiment}/jobs/{job}/logs").text
    assert whole.endswith("".join(seen))
    assert "--- attempt 2 ---\n" in seen
    assert [sum(line.startswith(f"epoch {number}/8 ") for line in seen) for number in range(1, 9)] == [1] * 8


def test_a_server_shows_and_follows_the_log_of_a_job_that_runs_on_another(
    first: Server, second: Installation, digits_dataset: Path
):
    experiment, job_id = train(first, first.folder("space"), digits_dataset, epochs=16)
    with Client(first.url, first.org, api_key=first.api_key) as client:
        states = client.jobs.follow(client.jobs.get(experiment, job_id), interval=0.05)
        assert any(state.status == "Running" for state in states)
    second.start()
    texts: dict[str, str] = {}

    def follow(url: str) -> None:
        with Client(url, first.org, api_key=first.api_key) as client:
            job = client.jobs.get(experiment, job_id)
            texts[url] = "".join(client.jobs.follow_log(job))

    readers = [threading.Thread(target=follow, args=(url,)) for url in (first.url, second.url)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert texts[first.url] == texts[second.url]
    assert "epoch 16/16" in texts[first.url]
    with Client(second.url, first.org, api_key=first.api_key) as client:
        assert client.jobs.logs(client.jobs.get(experiment, job_id)) == texts[second.url]
