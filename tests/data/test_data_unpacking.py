"""Datasets that come as one archive from an address."""

import io
import tarfile
import zipfile

import pytest
from tests.data.pet_data import archive, png, split
from tests.web_services import Page, WebServer

from tunesmith.data.classification import ClassificationData
from tunesmith.data.errors import PullStoppedError
from tunesmith.data.pulling import pull
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location, UrlStore

CLASSES = b"cat\ndog\n"
PETS = {"images_train.tar.gz": split("images_train"), "classes.txt": CLASSES}


@pytest.fixture
def web():
    server = WebServer()
    yield server
    server.close()


@pytest.fixture
def pulled(web, tmp_path):
    """Pulls what the server has under a name, as classification_pyt."""

    def run(name, body, kind=("image_classification", "classification_pyt"), **options):
        web.pages[f"/{name}"] = body if isinstance(body, Page) else Page(body)
        store = UrlStore(id="d", url=f"{web.url}/{name}", private_hosts=("127.0.0.1",), max_bytes=50 << 20)
        return pull(kind[0], kind[1], (), Files(Location(store=store), {}), tmp_path / "cache", **options)

    return run


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def below(folder, members):
    return {f"{folder}/{name}": data for name, data in members.items()}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("pets.tar.gz", archive(PETS)),
        ("pets.tgz", archive(below("pets-1.0", PETS))),
        ("pets.zip", zipped(PETS)),
        ("archive", zipped(below("pets-main", PETS) | {"README": b"about"})),
        ("mac.zip", zipped(below("__MACOSX", {"._pets": b""}) | below("pets", PETS))),
    ],
)
def test_the_files_are_at_the_root_or_in_a_folder(pulled, tmp_path, name, body):
    report = pulled(name, body)
    assert report.valid, report.sentence()
    assert report.counts["images"] == {"images_train": 4}
    data = ClassificationData.open(tmp_path / "cache")
    assert [sample.path.is_file() for sample in data.samples("train")] == [True] * 4
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "extracted",
        "files",
        "pull.lock",
        "report.json",
    ]


def test_an_archive_that_is_all_that_a_layout_needs_is_the_dataset(pulled):
    raw = ("image_classification", "raw")
    report = pulled("images_test.tar.gz", archive({"1.png": png(), "2.png": png()}), raw)
    assert report.valid, report.sentence()
    assert report.counts["images"] == {"images_test": 2}


def test_an_archive_of_a_layout_that_needs_more_is_not(pulled):
    report = pulled("images_train.tar.gz", split("images_train"))
    assert not report.valid
    assert "classes.txt" in report.sentence()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"../../evil.txt": b"x"}, "not a plain relative path"),
        ({"/etc/evil": b"x"}, "absolute path"),
        ({"a": b"x", "a/b": b"y"}, "twice"),
    ],
)
def test_an_archive_with_path_tricks_makes_an_invalid_dataset(pulled, tmp_path, members, said):
    report = pulled("evil.tar.gz", archive(members))
    assert said in report.sentence()
    assert not [path for path in tmp_path.rglob("evil*") if path.name != "evil.tar.gz"]


def test_a_link_out_of_an_archive_makes_an_invalid_dataset(pulled):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        link = tarfile.TarInfo("classes.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../../etc/passwd"
        tar.addfile(link)
    assert "leads out of it" in pulled("evil.tar.gz", buffer.getvalue()).sentence()


def test_what_is_no_archive_is_told(pulled):
    report = pulled("page.tar.gz", b"<html>please log in</html>")
    assert "page.tar.gz" in report.sentence()
    assert "archive" in report.sentence()


def test_a_cut_archive_is_told(pulled):
    body = archive(PETS)
    report = pulled("pets.tar.gz", Page(body, ranges=False, announced=len(body) // 2))
    assert "is not a whole tar or zip archive" in report.sentence()


def test_a_bomb_is_not_unpacked(pulled, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(300 << 20))
    report = pulled("bomb.zip", buffer.getvalue())
    assert "grows to more than" in report.sentence()
    assert not (tmp_path / "cache" / "unpacked").exists()


def test_an_archive_larger_than_allowed_fails_the_pull_and_leaves_nothing(pulled, tmp_path):
    with pytest.raises(StorageError, match="TUNESMITH_MAX_DOWNLOAD_GB"):
        pulled("large.tar.gz", Page(bytes(60 << 20), chunked=True, ranges=False))
    assert list((tmp_path / "cache" / "download").iterdir()) == []


def test_a_pull_that_was_stopped_goes_on_with_what_it_has(pulled, web):
    asked = 0

    def stop():
        nonlocal asked
        asked += 1
        return asked > 3

    page = Page(zipped(PETS | {"padding": b"x" * (4 << 20)}))
    with pytest.raises(PullStoppedError):
        pulled("pets.zip", page, should_stop=stop)
    assert pulled("pets.zip", page).valid
    assert web.downloads()[0] == ""
    assert int(web.downloads()[1].removeprefix("bytes=").removesuffix("-")) > 0
