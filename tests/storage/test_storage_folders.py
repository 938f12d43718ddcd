"""What only folders can do to us: links, devices, files half written."""

import os

import pytest

from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "workspace"
    root.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("secret")
    return root


@pytest.fixture
def files(root):
    return Files(Location(store=FolderStore(id="w", path=root)), {})


def keys(files):
    return [info.key for info in files.list()]


def test_links_that_lead_out_are_neither_listed_nor_followed(files, root, tmp_path):
    (root / "file").symlink_to(tmp_path / "secret" / "key.txt")
    (root / "folder").symlink_to("../secret")
    (root / "chain").symlink_to("folder")
    assert keys(files) == []
    for key in ("file", "folder/key.txt", "chain/key.txt"):
        for call in (files.read, files.size, files.delete, lambda key: files.write(key, b"mine")):
            with pytest.raises(StorageError, match="leads out"):
                call(key)
    assert (tmp_path / "secret" / "key.txt").read_text() == "secret"


def test_a_prefix_behind_a_link_that_leads_out_lists_nothing(root):
    (root / "folder").symlink_to("../secret")
    assert keys(Files(Location(store=FolderStore(id="w", path=root), prefix="folder"), {})) == []


def test_links_within_the_workspace_work(files, root):
    files.write("real/a.txt", b"a")
    (root / "alias").symlink_to("real")
    (root / "b.txt").symlink_to("real/a.txt")
    assert keys(files) == ["alias/a.txt", "b.txt", "real/a.txt"]
    assert files.read("alias/a.txt") == files.read("b.txt") == b"a"


def test_circles_of_links_end(files, root):
    files.write("a/file", b"")
    (root / "a" / "up").symlink_to("..")
    (root / "x").symlink_to("y")
    (root / "y").symlink_to("x")
    assert "a/file" in keys(files)
    assert len(keys(files)) < 10


def test_what_is_not_a_plain_file_is_left_out(files, root):
    os.mkfifo(root / "pipe")
    (root / "broken").symlink_to("nowhere")
    (root / "half.tar.gz#1").write_bytes(b"")
    (root / "bad\nname").write_bytes(b"")
    files.write("good", b"")
    assert keys(files) == ["good"]


def test_a_workspace_that_is_itself_reached_by_a_link_works(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    files = Files(Location(store=FolderStore(id="w", path=tmp_path / "link")), {})
    files.write("a", b"1")
    assert keys(files) == ["a"]
    assert (root / "a").read_bytes() == b"1"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_entered_is_named(files, root):
    root.chmod(0)
    try:
        with pytest.raises(StorageError, match="permission"):
            files.probe()
    finally:
        root.chmod(0o755)
