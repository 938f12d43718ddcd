"""Every kind of registry, and a lab whose server publishes there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub_registry import HubRegistryServer
from tests.s3_services import S3Server
from tests.server.resources.house import Lab
from tests.server.resources.publishing.shelves import Embedded, OnHub, Shelf

from tunesmith.server.kit.settings import Settings
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location


@pytest.fixture
def hub() -> Iterator[HubRegistryServer]:
    server = HubRegistryServer()
    yield server
    server.close()


@pytest.fixture(params=["folder", "hub"])
def shelf(request: pytest.FixtureRequest, lab: Lab) -> Shelf:
    """The registry of the lab's server."""
    if request.param == "folder":
        location = Location(store=FolderStore(id=lab.space, path=lab.house.folder_of(lab.ada)))
        return Embedded(Files(location, {}))
    found = OnHub(request.getfixturevalue("hub"))
    lab.house.app.state.settings = Settings(
        **(lab.house.settings.model_dump(exclude={"registry_token"}) | found.settings)
    )
    return found


@pytest.fixture
def trained(lab: Lab) -> str:
    """A training that is Done, with its checkpoints."""
    job = lab.trained()
    lab.leave_files(
        job, {"model_best.pth": b"best", "model_latest.pth": b"latest", "model_epoch_002.pth": b"two"}
    )
    curves = {"val_acc_1": {"2": 0.5, "3": 0.9, "5": 0.8}, "train_loss": {"2": 1.5, "3": 1.0, "5": 0.9}}
    details = {"best_epoch": 3, "latest_epoch": 5, "results": {"val_acc_1": 0.9}, "curves": curves}
    lab.house.change(job, details=details)
    return job


@pytest.fixture
def workspace(tmp_path: Path) -> Files:
    """A folder with room for results and an embedded registry."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return Files(Location(store=FolderStore(id="w", path=folder)), {})


@pytest.fixture
def bucket(s3_server: S3Server) -> Files:
    """A bucket with room for the same."""
    return Files(s3_server.location(), s3_server.secrets)


@pytest.fixture(params=["folder", "bucket", "hub"])
def bare(request: pytest.FixtureRequest) -> tuple[Files, Shelf]:
    """A store with models, and a registry for them; without a server."""
    workspace: Files = request.getfixturevalue("bucket" if request.param == "bucket" else "workspace")
    is_hub = request.param == "hub"
    return workspace, OnHub(request.getfixturevalue("hub")) if is_hub else Embedded(workspace)
