"""Datasets of a Hugging Face hub, read through huggingface_hub from a stand-in for its protocol."""

import pytest
from tests.web_services import HubServer

from tunesmith.storage.errors import InvalidKeyError, StorageError, StorageFileMissingError
from tunesmith.storage.files import Files
from tunesmith.storage.hub_keys import HubPlace, hub_page
from tunesmith.storage.locations import HubStore, Location
from tunesmith.storage.patience import Patience

QUICK = Patience(connect=2, read=2, retries=3, total=5)
BODY = bytes(range(256)) * 4096


@pytest.fixture
def hub():
    server = HubServer()
    server.files = {"train/a.bin": BODY, "train/b.txt": b"b", "README.md": b"# Pets", "x.txt": b"x"}
    server.large = {"train/a.bin"}
    yield server
    server.close()


def at(hub, key, token=HubServer.TOKEN):
    return Files(Location(store=HubStore(id="w", endpoint_url=hub.url), prefix=key), {"token": token}, QUICK)


def test_a_dataset_is_listed_page_by_page(hub):
    found = [(info.key, info.size) for info in at(hub, "acme/pets").list()]
    assert found == [("README.md", 6), ("train/a.bin", 1 << 20), ("train/b.txt", 1), ("x.txt", 1)]
    assert sum("/tree/" in path for path, _, _ in hub.asked) == 2


def test_a_folder_is_a_place_of_its_own(hub):
    files = at(hub, "acme/pets@main/train")
    assert [info.key for info in files.list()] == ["a.bin", "b.txt"]
    assert files.read("b.txt") == b"b"
    assert files.size("a.bin") == 1 << 20
    assert not files.exists("c.txt")
    assert list(at(hub, "acme/pets/nothing").list()) == []


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs%2Fpr%2F1", HubServer.SHA])
def test_a_revision_is_read_by_its_commit(hub, revision):
    assert at(hub, f"acme/pets@{revision}").read("x.txt") == b"x"


def test_a_large_file_comes_from_where_the_hub_keeps_it_without_the_token(hub, tmp_path):
    files = at(hub, "acme/pets")
    files.download("train/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY
    (info,) = (info for info in files.list() if info.key == "train/a.bin")
    assert (tmp_path / "a.bin").stat().st_mtime == info.modified.timestamp()


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub, tmp_path):
    hub.break_after = 300_000
    at(hub, "acme/pets").download("train/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY
    ranges = [asked for path, asked, _ in hub.asked if path.startswith("/storage/")]
    assert ranges[0] == ""
    assert 0 < int(ranges[1].removeprefix("bytes=").removesuffix("-")) <= 300_000


def test_a_download_that_was_killed_is_continued(hub, tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at(hub, "acme/pets").download("train/a.bin", tmp_path / "a.bin", stop)
    had = (tmp_path / "a.bin.part").stat().st_size
    at(hub, "acme/pets").download("train/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert hub.asked[-1][1] == f"bytes={had}-"
    assert had > 0


def test_the_token_is_tried_by_the_probe(hub):
    at(hub, "").probe()
    at(hub, "", token="").probe()
    with pytest.raises(StorageError, match="token") as caught:
        at(hub, "", token="hf_wrongAndSecret").probe()
    assert "hf_wrongAndSecret" not in str(caught.value)


def test_what_is_not_there_or_not_ours_is_told_with_the_remedy(hub):
    for key, token, said in [
        ("acme/cats", hub.TOKEN, "does not exist, or the token may not read it"),
        ("acme/pets", "", "does not exist, or the token may not read it"),
        ("acme/pets@v9", hub.TOKEN, "no such revision"),
        ("acme/pets", "hf_wrong", "token"),
    ]:
        with pytest.raises(StorageError, match=said) as caught:
            list(at(hub, key, token).list())
        assert hub.url in str(caught.value)
    with pytest.raises(StorageFileMissingError, match=r"no file z\.txt"):
        at(hub, "acme/pets").read("z.txt")


def test_a_hub_that_is_gone_is_told(hub):
    files = at(hub, "acme/pets")
    hub.close()
    with pytest.raises(StorageError, match="does not answer"):
        files.probe()


def test_nothing_is_written(hub):
    with pytest.raises(StorageError, match="can only be read"):
        at(hub, "acme/pets").write("x", b"")


def test_no_token_is_taken_from_the_environment(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.TOKEN)
    with pytest.raises(StorageError, match="may not read it"):
        list(at(hub, "acme/pets", token="").list())


@pytest.mark.parametrize(
    "key", ["pets", "acme/pets@", "acme/pets@a@b", "a b/c", "acme/../x", "", "/acme/pets"]
)
def test_a_key_that_names_no_dataset_is_refused(key):
    with pytest.raises(InvalidKeyError, match="OWNER/NAME"):
        HubPlace.parse(key)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://huggingface.co/datasets/acme/pets", "acme/pets"),
        ("https://huggingface.co/datasets/acme/pets/", "acme/pets"),
        ("https://huggingface.co/datasets/acme/pets/tree/v1.0", "acme/pets@v1.0"),
        ("https://huggingface.co/datasets/acme/pets/tree/refs%2Fpr%2F1/a/b", "acme/pets@refs%2Fpr%2F1/a/b"),
        ("https://example.com/datasets/acme/pets", None),
        ("https://huggingface.co/datasets/acme/pets/resolve/main/pets.zip", None),
    ],
)
def test_an_address_of_the_hub_names_a_dataset(url, key):
    page = hub_page(url, "https://huggingface.co")
    assert (page.key if page else None) == key
    assert key is None or HubPlace.parse(key) == page


@pytest.mark.parametrize("path", ["", "acme/pets", "datasets/pets", "datasets/acme/pets/blob/main/x"])
def test_an_address_of_the_hub_that_shows_no_dataset_is_refused(path):
    with pytest.raises(InvalidKeyError, match="datasets/OWNER/NAME"):
        hub_page(f"https://huggingface.co/{path}", "https://huggingface.co")
