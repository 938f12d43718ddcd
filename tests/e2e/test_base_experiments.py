"""Base experiments through a real server: chosen, fetched from a hub, trained from; and without a network."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import timm
import torch
from safetensors.torch import save
from tests.hub_server import Hub
from tests.live_server import Server
from tests.training.jobs import SMALL, nested

TINY = "timm/test_resnet:r160_in1k"


def until(server: Server, path: str, field: str, *ends: str) -> dict[str, Any]:
    """What is at a path, once a field has one of these values."""
    while True:
        found: dict[str, Any] = server.api("GET", path).json()
        if found.get(field) in ends:
            return found
        time.sleep(0.05)


def weights() -> bytes:
    torch.manual_seed(7)
    return save(timm.create_model("test_resnet").state_dict())


@pytest.fixture
def hub() -> Iterator[Hub]:
    running = Hub()
    yield running
    running.close()


@pytest.fixture
def linked(tmp_path: Path, hub: Hub) -> Iterator[Server]:
    """A server that knows the hub."""
    running = Server(tmp_path, TUNESMITH_HUB_URL=hub.url)
    yield running
    running.stop()


@pytest.fixture
def lonely(tmp_path: Path, hub: Hub) -> Iterator[Server]:
    """A server that may not fetch anything."""
    running = Server(tmp_path, TUNESMITH_HUB_URL=hub.url, TUNESMITH_OFFLINE="1")
    yield running
    running.stop()


def experiment(server: Server, digits: Path) -> str:
    """The path of an experiment with the digits."""
    folder = server.folder(f"digits-{uuid4()}")
    shutil.copytree(digits, folder / "set")
    workspace = server.local_workspace(folder)
    facts = {"type": "image_classification", "format": "classification_pyt", "workspace": workspace}
    body = facts | {"cloud_file_path": "set", "use_for": ["training"]}
    dataset = server.api("POST", "/datasets", json=body).json()["id"]
    body = {"network_arch": "classification_pyt", "workspace": workspace, "train_datasets": [dataset]}
    made = server.api("POST", "/experiments", json=body).json()
    return f"/experiments/{made['id']}"


def choose(server: Server, path: str) -> dict[str, Any]:
    bases = server.api("GET", "/experiments:base").json()["experiments"]
    chosen = [one["id"] for one in bases if one["ngc_path"] == TINY]
    found: dict[str, Any] = server.api("PATCH", path, json={"base_experiment": chosen}).json()
    return found


def train(server: Server, path: str) -> dict[str, Any]:
    body = {"action": "train", "specs": nested(SMALL)}
    reply = server.api("POST", f"{path}/jobs", json=body)
    assert reply.status_code == 200, reply.text
    return until(server, f"{path}/jobs/{reply.json()}", "status", "Done", "Error")


def said(job: dict[str, Any]) -> str:
    return str(job["job_details"])


def test_chosen_fetched_and_trained_from(linked: Server, hub: Hub, digits_dataset: Path):
    hub.add("timm/test_resnet.r160_in1k", "model.safetensors", weights())
    path = experiment(linked, digits_dataset)
    begun = choose(linked, path)
    assert begun["base_experiment_pull_complete"] in {"starting", "in_progress", "pull_complete"}
    job = train(linked, path)
    assert job["status"] == "Done", said(job)
    assert f"base_experiment {TINY}" in said(job)
    for shown in (path, f"/experiments/{begun['base_experiment'][0]}"):
        assert linked.api("GET", shown).json()["base_experiment_pull_complete"] == "pull_complete"
    assert [start for _, start in hub.asked] == [0], "the weights were fetched once"
    assert (
        choose(linked, experiment(linked, digits_dataset))["base_experiment_pull_complete"] == "pull_complete"
    )


def test_what_the_hub_lacks_fails_the_training_and_can_be_had_later(
    linked: Server, hub: Hub, digits_dataset: Path
):
    path = experiment(linked, digits_dataset)
    choose(linked, path)
    shown = until(linked, path, "base_experiment_pull_complete", "invalid_pull")
    assert "answers with status 404" in shown["base_experiment_pull_reason"]
    job = train(linked, path)
    assert job["status"] == "Error"
    assert f"The weights of {TINY} cannot be had" in said(job)
    hub.add("timm/test_resnet.r160_in1k", "model.safetensors", weights())
    assert train(linked, path)["status"] == "Done"


def test_a_server_killed_while_it_fetches_goes_on_where_it_was(
    linked: Server, hub: Hub, digits_dataset: Path
):
    content = weights()
    hub.add("timm/test_resnet.r160_in1k", "model.safetensors", content)
    hub.stalls = [1_000_000]
    path = experiment(linked, digits_dataset)
    (identity,) = choose(linked, path)["base_experiment"]
    folder = linked.data_dir / "models" / identity
    arrived = folder / "arriving.safetensors.part"
    while not arrived.exists() or arrived.stat().st_size < 900_000:
        time.sleep(0.05)
    assert linked.api("GET", path).json()["base_experiment_pull_complete"] == "in_progress"
    linked.process.kill()
    linked.process.wait()
    hub.release.set()
    linked.start()
    shown = until(linked, path, "base_experiment_pull_complete", "pull_complete", "invalid_pull")
    assert shown["base_experiment_pull_complete"] == "pull_complete", shown
    assert (folder / "weights.safetensors").read_bytes() == content
    (begun, *continued) = [start for _, start in hub.asked]
    assert begun == 0
    assert continued
    assert min(continued) >= 900_000


def test_without_a_network(lonely: Server, hub: Hub, digits_dataset: Path, tmp_path: Path):
    path = experiment(lonely, digits_dataset)
    choose(lonely, path)
    shown = until(lonely, path, "base_experiment_pull_complete", "invalid_pull")
    assert "TUNESMITH_OFFLINE" in shown["base_experiment_pull_reason"]
    brought = tmp_path / "tiny.safetensors"
    brought.write_bytes(weights())
    added = lonely.run("models", "add", str(brought), "--ngc-path", TINY)
    assert added.returncode == 0, added.stderr
    assert lonely.api("GET", path).json()["base_experiment_pull_complete"] == "pull_complete"
    listed = lonely.run("models", "list", "--json")
    assert TINY in listed.stdout
    job = train(lonely, path)
    assert job["status"] == "Done", said(job)
    assert hub.asked == []
