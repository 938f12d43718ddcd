"""Datasets of other kinds than images, through a real server: files in folders, archives, flaws."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.data.skeleton_data import skeletons
from tests.data.spatial_data import pointpillars
from tests.live_server import Server

from tunesmith.client import Client
from tunesmith.client.errors import DatasetInvalidError
from tunesmith.client.models import Dataset


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        yield client


def pulled(client: Client, server: Server, kind: str, files: dict[str, bytes]) -> Dataset:
    folder = server.folder(f"{kind}-{uuid4().hex}")
    for name, data in files.items():
        (folder / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "set" / name).write_bytes(data)
    space = client.workspaces.create(kind, "self_hosted", {"path": str(folder)})
    made = client.datasets.create(kind, "default", workspace=space.id, cloud_file_path="/set")
    return client.datasets.wait(made.id)


@pytest.mark.parametrize(
    ("kind", "files", "counts"),
    [
        ("pose_classification", skeletons("kinetics", 18), {"samples": {"train": 4, "val": 2}}),
        ("pointpillars", pointpillars(), {"sweeps": {"train": 3, "val": 3}}),
    ],
)
def test_files_in_folders_and_in_archives_are_pulled(client: Client, server: Server, kind, files, counts):
    found = pulled(client, server, kind, files)
    assert found.usable
    assert found.validation.counts == found.validation.counts | counts


class Touches:
    """Its pickle makes a file."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._trace}",)


def test_a_hostile_pickle_is_refused_and_not_run(client: Client, server: Server, tmp_path: Path):
    files = skeletons(train_label__pkl=pickle.dumps(Touches(tmp_path / "trace")))
    with pytest.raises(
        DatasetInvalidError, match=r"train_label\.pkl: names posix\.system, which is not read"
    ):
        pulled(client, server, "pose_classification", files)
    assert not (tmp_path / "trace").exists()


def test_a_sweep_without_a_label_is_told_with_its_name(client: Client, server: Server):
    with pytest.raises(DatasetInvalidError, match=r"lidar/1\.bin: has no label"):
        pulled(client, server, "pointpillars", pointpillars(changes={"label/1.txt": None}))
