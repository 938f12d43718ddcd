"""Uploads of results: each once, in the state and the order in which they go together."""

from pathlib import Path

import pytest

from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location
from tunesmith.training.uploads import Uploads, drop


class Counting(Files):
    """Files that note what arrives, and refuse what they are told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(Location(store=FolderStore(id="w", path=root)), {})
        self.arrived: list[str] = []
        self.refused = ""

    def upload_open(self, file, key):
        if key == self.refused:
            raise StorageError(f"{key} is refused")
        super().upload_open(file, key)
        self.arrived.append(key)


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    (folder / "tensorboard").mkdir(parents=True)
    return folder


@pytest.fixture
def uploads(results):
    return Uploads(results, ("best", "latest"))


@pytest.fixture
def target(tmp_path):
    (tmp_path / "workspace").mkdir()
    return Counting(tmp_path / "workspace")


def replace(path, text):
    """As checkpoints are written: another file gets the name."""
    new = path.with_name("new.part")
    new.write_text(text)
    new.replace(path)


def test_a_file_is_uploaded_once_and_again_when_it_has_changed(results, uploads, target):
    (results / "a").write_text("1")
    (results / "tensorboard" / "b").write_text("1")
    for _ in range(2):
        uploads.upload(uploads.pending(), target)
    assert target.arrived == ["a", "tensorboard/b"]
    (results / "a").write_text("22")
    uploads.upload(uploads.pending(), target)
    assert target.arrived[2:] == ["a"]


def test_parts_and_folders_are_left_out(results, uploads, target):
    for name in ("latest.part", "x.part-of"):
        (results / name).write_text("half")
    uploads.upload(uploads.pending(), target)
    assert target.arrived == []


def test_what_is_replaced_comes_last_as_it_was_when_it_was_pending(results, uploads, target):
    for name in ("latest", "best", "zebra"):
        (results / name).write_text("old")
    pending = uploads.pending()
    for name in ("latest", "best"):
        replace(results / name, "new")
    uploads.upload(pending, target)
    assert target.arrived == ["zebra", "best", "latest"]
    assert (target.read("best"), target.read("latest")) == (b"old", b"old")
    uploads.upload(uploads.pending(), target)
    assert target.arrived[3:] == ["best", "latest"]
    assert target.read("latest") == b"new"


def test_what_was_pending_twice_is_uploaded_once(results, uploads, target):
    (results / "latest").write_text("1")
    first, second = uploads.pending(), uploads.pending()
    uploads.upload(first, target)
    uploads.upload(second, target)
    assert target.arrived == ["latest"]


def test_what_is_marked_or_dropped_is_not_uploaded(results, uploads, target):
    (results / "latest").write_text("1")
    drop(uploads.pending())
    assert target.arrived == []
    uploads.mark(results / "latest")
    assert uploads.pending() == []
    (results / "latest").write_text("22")
    assert [one.key for one in uploads.pending()] == ["latest"]


def test_a_failure_leaves_the_rest_pending(results, uploads, target):
    for name in "abc":
        (results / name).write_text("1")
    target.refused = "b"
    with pytest.raises(StorageError, match="b is refused"):
        uploads.upload(uploads.pending(), target)
    target.refused = ""
    uploads.upload(uploads.pending(), target)
    assert target.arrived == ["a", "b", "c"]
