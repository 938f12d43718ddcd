"""Pulls from a folder and from a real S3 server: whole, interrupted, twice at once, and of bad datasets."""

import json
import multiprocessing
import threading
from collections.abc import Collection
from types import SimpleNamespace
from uuid import uuid4

import pytest
from tests.data.pet_data import archive, noise, png, split

from tunesmith.data.classification import ClassificationData
from tunesmith.data.errors import DatasetError, PullStoppedError
from tunesmith.data.findings import DatasetReport
from tunesmith.data.progress import PullProgress
from tunesmith.data.pulling import materialise, pull
from tunesmith.protocol import DatasetInput
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location

CLASSES = b"cat\ndog\n"


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def pulled(cache):
    """Pulls as classification_pyt."""

    def run(files: Files, intents: Collection[str] = (), **options) -> DatasetReport:
        return pull("image_classification", "classification_pyt", intents, files, cache, **options)

    return run


@pytest.fixture
def pets_on_s3(s3_server):
    location = s3_server.location("data/pets")
    files = Files(location, s3_server.secrets)
    files.write("images_train.tar.gz", split("images_train"))
    files.write("classes.txt", CLASSES)
    return files


def test_a_dataset_comes_from_a_bucket(pulled, cache, pets_on_s3):
    report = pulled(pets_on_s3)
    assert report.valid, report.sentence()
    assert report.counts["files"] == 2
    assert report.counts["images"] == {"images_train": 4}
    assert report.counts["classes"] == {"images_train": {"cat": 2, "dog": 2}}
    assert report.counts["decoded"] == 4
    data = ClassificationData.open(cache)
    assert data.classes == ("cat", "dog")
    assert [(sample.name, sample.label) for sample in data.samples("train")] == [
        ("cat/0.png", 0),
        ("cat/1.png", 0),
        ("dog/0.png", 1),
        ("dog/1.png", 1),
    ]


def test_a_finished_pull_is_not_repeated(pulled, source):
    first = pulled(source(train=split("images_train"), classes=CLASSES))
    nowhere = Files(Location(store=FolderStore(id="x", path="/nowhere")), {})
    assert pulled(nowhere) == first


@pytest.mark.shows("dataset image_classification/classification_pyt")
def test_real_scans_are_valid(digits_dataset, pulled):
    report = pulled(Files(Location(store=FolderStore(id="w", path=digits_dataset)), {}))
    assert report.findings == ()
    assert report.counts["images"] == {"images_train": 300, "images_val": 100, "images_test": 100}


def test_only_what_belongs_to_it_is_fetched(pulled, source, cache):
    files = source(val=split("images_val"), classes=CLASSES)
    files.write("notes/huge.bin", b"not ours")
    pulled(files)
    kept = {path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.suffix != ".png"}
    assert "files/classes.txt" in kept
    assert not any("notes" in name or name.endswith(".gz") for name in kept)


def test_missing_files_make_a_report_without_a_download(pulled, source, cache):
    report = pulled(source(train=split("images_train")))
    assert not report.valid
    assert report.sentence().startswith("1 error: classes.txt: is missing.")
    assert not (cache / "files").exists()


def test_what_is_no_format_of_its_type_is_refused_at_once(source, cache):
    with pytest.raises(DatasetError, match="has no format 'unet'"):
        pull("object_detection", "unet", (), source(), cache)
    assert not cache.exists()


def test_an_archive_that_does_not_open_is_a_finding(pulled, source):
    report = pulled(source(train=split("images_train")[:-50], val=b"<html>", classes=CLASSES))
    assert {finding.file for finding in report.errors} == {"images_train.tar.gz", "images_val.tar.gz"}
    assert all("Pack" in finding.remedy for finding in report.errors)


def test_an_archive_that_leads_out_is_a_finding(pulled, source, tmp_path):
    report = pulled(source(train=archive({"../../evil.png": png()}), classes=CLASSES))
    assert "plain relative path" in report.errors[0].message
    assert not list(tmp_path.rglob("evil.png"))


def test_without_validation_the_inside_is_trusted(pulled, source):
    files = source(train=archive({"images_train/cow/broken.png": b"broken"}), classes=CLASSES)
    report = pulled(files, skip_validation=True)
    assert report.valid
    assert report.counts.keys() == {"files", "bytes"}


def test_progress_goes_through_the_stages(pulled, source):
    seen: list[PullProgress] = []
    pulled(source(train=split("images_train"), classes=CLASSES), on_progress=seen.append)
    assert list(dict.fromkeys(progress.stage for progress in seen)) == [
        "downloading",
        "extracting",
        "checking",
    ]
    downloads = [progress for progress in seen if progress.stage == "downloading"]
    assert downloads[-1].bytes == downloads[-1].total_bytes > 0
    assert (seen[-1].files, seen[-1].total_files) == (4, 4)
    assert "4/4 files" in seen[-1].sentence()


@pytest.mark.parametrize("stage", ["downloading", "extracting", "checking"])
def test_a_pull_stops_in_every_stage_and_continues(pulled, source, cache, stage):
    files = source(train=split("images_train", count=200), val=split("images_val"), classes=CLASSES)
    reached = threading.Event()

    def on_progress(progress):
        if progress.stage == stage:
            reached.set()

    with pytest.raises(PullStoppedError):
        pulled(files, on_progress=on_progress, should_stop=reached.is_set)
    assert not (cache / "report.json").exists()
    report = pulled(files)
    assert report.valid
    assert report.counts["images"] == {"images_train": 400, "images_val": 4}


def test_a_pull_that_waits_for_another_can_be_stopped(pulled, source, cache):
    files = source(train=split("images_train"), classes=CLASSES)
    holds, waits = threading.Event(), threading.Event()

    def first(_progress):
        holds.set()
        waits.wait()

    def second() -> bool:
        waits.set()
        return True

    thread = threading.Thread(target=pulled, args=(files,), kwargs={"on_progress": first})
    thread.start()
    holds.wait()
    with pytest.raises(PullStoppedError):
        pulled(files, should_stop=second)
    thread.join()
    assert pulled(files).valid


def test_a_changed_archive_is_fetched_and_extracted_anew(pulled, source):
    files = source(train=split("images_train"), classes=CLASSES)
    checking = threading.Event()

    def on_progress(progress):
        if progress.stage == "checking":
            checking.set()

    with pytest.raises(PullStoppedError):
        pulled(files, on_progress=on_progress, should_stop=checking.is_set)
    files.write("images_train.tar.gz", split("images_train", count=5))
    assert pulled(files).counts["images"] == {"images_train": 10}


def test_a_store_that_fails_is_not_a_report(pulled, cache):
    nowhere = Files(Location(store=FolderStore(id="x", path="/nowhere")), {})
    with pytest.raises(StorageError, match="/nowhere"):
        pulled(nowhere)
    assert not (cache / "report.json").exists()


def test_a_disk_without_room_is_told_before_the_download(pulled, source, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(StorageError, match="free some room"):
        pulled(source(train=split("images_train"), classes=CLASSES))


def pull_in_process(folder, cache, start, outcomes):
    files = Files(Location(store=FolderStore(id="w", path=folder)), {})
    start.wait()
    stages = []
    report = pull(
        "image_classification",
        "classification_pyt",
        (),
        files,
        cache,
        on_progress=lambda progress: stages.append(progress.stage),
    )
    outcomes.put((report.model_dump_json(), bool(stages)))


def test_of_two_pulls_at_once_one_works_and_both_get_its_report(source, tmp_path, cache):
    source(train=archive({f"images_train/cat/{i}.png": noise(i, 64) for i in range(200)}), classes=b"cat\n")
    context = multiprocessing.get_context("spawn")
    start, outcomes = context.Event(), context.Queue()
    folder = tmp_path / "workspace" / "data" / "pets"
    workers = [
        context.Process(target=pull_in_process, args=(folder, cache, start, outcomes)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    start.set()
    (first, first_worked), (second, second_worked) = outcomes.get(), outcomes.get()
    for worker in workers:
        worker.join()
    assert json.loads(first) == json.loads(second)
    assert json.loads(first)["counts"]["images"] == {"images_train": 200}
    assert [first_worked, second_worked].count(True) == 1


@pytest.fixture
def dataset(cache, tmp_path):
    return DatasetInput(
        id=uuid4(),
        name="pets",
        type="image_classification",
        format="classification_pyt",
        intents=("training",),
        source=Location(store=FolderStore(id="w", path=tmp_path / "workspace"), prefix="data/pets"),
        cache=cache,
    )


def test_jobs_get_a_dataset_that_is_whole(dataset, source, cache):
    here = materialise(dataset, source(train=split("images_train"), classes=CLASSES))
    assert here.folder == cache
    assert len(ClassificationData.open(here.folder).samples("train")) == 4


def test_jobs_are_told_why_a_dataset_is_invalid(dataset, source):
    with pytest.raises(
        DatasetError, match=r"The dataset pets is invalid\. 1 error: classes\.txt: is missing"
    ):
        materialise(dataset, source(train=split("images_train")))
