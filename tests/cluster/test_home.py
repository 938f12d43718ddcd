"""Folders of a node: private, and beside what it sees where the server has it."""

from pathlib import Path
from uuid import uuid4

import pytest

from tunesmith.cluster.home import Home, obstacle
from tunesmith.cluster.parts import Key
from tunesmith.data.findings import DatasetReport
from tunesmith.data.pulled import PulledFolder
from tunesmith.protocol import DatasetInput, JobRequest, ResultsTarget
from tunesmith.storage.locations import FolderStore, Location, S3Store


def request_for(tmp_path: Path, source: Location, results: Location) -> JobRequest:
    dataset = DatasetInput(
        id=uuid4(),
        name="d",
        type="image_classification",
        format="classification_pyt",
        source=source,
        cache=tmp_path / "server" / "datasets" / "id" / "3",
    )
    return JobRequest(
        job_id=uuid4(), action="train", train_datasets=(dataset,), results=ResultsTarget(location=results)
    )


def folder(path: Path) -> Location:
    return Location(store=FolderStore(id="w", path=path), prefix="results/1")


BUCKET = Location(store=S3Store(id="b", bucket="b"))


def test_a_dataset_is_copied_unless_the_servers_copy_is_seen(tmp_path: Path):
    home = Home(tmp_path / "node", "server", "node")
    request = request_for(tmp_path, BUCKET, BUCKET)
    copied = home.at_home(request).train_datasets[0]
    assert copied.cache == tmp_path / "node" / "datasets" / str(copied.id) / "3"
    copied.cache.mkdir(parents=True)
    seen = request.train_datasets[0].cache
    seen.mkdir(parents=True)
    PulledFolder(seen).write_report(DatasetReport())
    assert home.at_home(request).train_datasets[0].cache == seen


def test_a_workspace_in_a_folder_must_be_seen_with_the_folder_of_results(tmp_path: Path):
    assert obstacle(request_for(tmp_path, BUCKET, BUCKET), "n1") is None
    space = tmp_path / "space"
    space.mkdir()
    request = request_for(tmp_path, BUCKET, folder(space))
    found = obstacle(request, "n1")
    assert found is not None
    assert str(space) in found.message
    assert "n1" in found.message
    (space / "results" / "1").mkdir(parents=True)
    assert obstacle(request, "n1") is None
    assert obstacle(request_for(tmp_path, folder(tmp_path / "no"), BUCKET), "n1") is not None


def test_each_attempt_has_a_folder_named_by_its_job(tmp_path: Path):
    home, job_id = Home(tmp_path / "node", "server", "node"), uuid4()
    first, second = (home.folder(Key(job_id=job_id, attempt=attempt)) for attempt in (1, 2))
    assert first.root != second.root
    assert first.root.name == second.root.name == str(job_id)


def test_a_folder_that_others_may_write_to_is_not_taken(tmp_path: Path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(OSError, match="TUNESMITH_RAY_NODE_DIR"):
        Home(shared, "server", "node")
