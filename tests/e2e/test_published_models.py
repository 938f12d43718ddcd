"""A model goes from its training to a hub by commands alone, and its card shows how it is used."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.hub_registry import HubRegistryServer
from tests.live_server import Server
from tests.server.resources.publishing.shelves import OnHub
from tests.training.jobs import SMALL, nested

from tunesmith.client import Client
from tunesmith.client.models import Job

CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def hub() -> Iterator[HubRegistryServer]:
    running = HubRegistryServer(kept=1 << 30)
    yield running
    running.close()


@pytest.fixture
def publishing(tmp_path: Path, hub: HubRegistryServer) -> Iterator[Server]:
    """A server that publishes on the hub."""
    settings = {f"TUNESMITH_{name.upper()}": value for name, value in OnHub(hub).settings.items()}
    running = Server(tmp_path / "publishing", **settings)
    yield running
    running.stop()


def made(client: Client, server: Server, digits: Path) -> tuple[Job, Job]:
    """A training and its export, both done."""
    folder = server.folder("vision")
    shutil.copytree(digits, folder / "digits")
    space = client.workspaces.create("vision", "self_hosted", {"path": str(folder)}).id
    dataset = client.datasets.create(
        "image_classification", "classification_pyt", workspace=space, cloud_file_path="/digits"
    ).id
    assert client.datasets.wait(dataset).usable
    sets = {"train_datasets": [dataset], "eval_dataset": dataset}
    experiment = client.experiments.create("classification_pyt", workspace=space, **sets).id
    train = client.jobs.wait(client.jobs.create(experiment, "train", nested(SMALL)), interval=0.1)
    export = client.jobs.create(experiment, "export", nested(SMALL), parent=train.id)
    return train, client.jobs.wait(export, interval=0.1)


def run_sample(folder: Path) -> str:
    """What the code on the card of a published model prints, beside its files."""
    (code,) = CODE.findall((folder / "README.md").read_text(encoding="utf-8"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    return done.stdout


def test_models_reach_a_hub_and_work_as_their_cards_say(
    publishing: Server, hub: HubRegistryServer, digits_dataset: Path, tmp_path: Path
):
    with Client(publishing.url, org=publishing.org, api_key=publishing.api_key) as client:
        train, export = made(client, publishing, digits_dataset)
        for job in (train, export):
            client.jobs.publish(job, name="digits", description="Reads digits.", team="readers")
        content = OnHub(hub).content()
        assert len(content) == 2
        folders = {}
        for place, files in content.items():
            folders[place.split("_")[0]] = folder = tmp_path / place.replace("/", "_")
            folder.mkdir()
            for name, data in files.items():
                (folder / name).write_bytes(data)
            subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True)
        classes = (digits_dataset / "classes.txt").read_text().split()
        assert str(classes[:2])[:-1] in run_sample(folders["digits/train"])
        Image.new("RGB", (40, 50), "white").save(folders["digits/export"] / "image.jpg")
        assert run_sample(folders["digits/export"]).split()[0] in classes
        text = (folders["digits/export"] / "README.md").read_text(encoding="utf-8")
        assert f"{len(classes)} classes: {', '.join(classes)}." in text
        assert "for training and validation: `image_classification`" in text
        assert "images: images_test 100, images_train 300, images_val 100" in text
        card = json.loads((folders["digits/train"] / "card.json").read_text())
        assert card["metrics"].keys() >= {"val_acc_1"}
        client.jobs.unpublish(train, team="readers")
        client.jobs.unpublish(export)
        assert OnHub(hub).content() == {}
    assert OnHub(hub).settings["registry_token"] not in publishing.log.read_text()
