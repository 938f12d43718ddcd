"""What may stand in an image classification dataset, and what is said about it."""

import pytest
from tests.data.pet_data import archive, noise, png, split

from tunesmith.data import decoding
from tunesmith.data.classification import ClassificationData
from tunesmith.data.errors import DatasetError
from tunesmith.data.pulling import pull

CLASSES = b"cat\ndog\n"


@pytest.fixture
def look(source, tmp_path):
    """Pulls a dataset of these files; gives its report."""

    def run(form="classification_pyt", intents=(), **files):
        files.setdefault("classes", CLASSES)
        return pull("image_classification", form, intents, source(**files), tmp_path / "cache")

    return run


@pytest.fixture
def data(look, tmp_path):
    """Pulls a dataset of these files and opens it."""

    def run(**files):
        report = look(**files)
        assert report.valid, report.sentence()
        return ClassificationData.open(tmp_path / "cache")

    return run


def told(report):
    return [(finding.file, finding.message) for finding in report.findings]


def named(samples):
    return [(sample.name, sample.label) for sample in samples]


# How archives may be packed


@pytest.mark.parametrize("top", ["", "images_train/", "whatever/", "a/b/", "./images_train/"])
def test_archives_may_have_top_folders_or_none(data, top):
    train = archive({f"{top}cat/1.png": png(), f"{top}dog/2.png": png()})
    assert named(data(train=train).samples("train")) == [("cat/1.png", 0), ("dog/2.png", 1)]


@pytest.mark.parametrize("top", ["", "images_train/"])
def test_a_single_class_is_not_taken_for_a_top_folder(data, top):
    train = archive({f"{top}cat/1.png": png()})
    assert named(data(train=train, classes=b"cat\n").samples("train")) == [("cat/1.png", 0)]


def test_a_single_class_with_folders_below_keeps_its_name(data):
    train = archive({"cat/indoor/1.png": png(), "cat/outdoor/2.png": png()})
    assert named(data(train=train, classes=b"cat\n").samples("train")) == [
        ("cat/indoor/1.png", 0),
        ("cat/outdoor/2.png", 0),
    ]


def test_files_beside_the_top_folder_do_no_harm(data):
    train = archive(
        {"README.txt": b"hello", "images_train/cat/1.png": png(), "images_train/dog/1.png": png()}
    )
    assert len(data(train=train).samples("train")) == 2


def test_what_file_managers_leave_behind_is_ignored(look, data):
    junk = ["._1.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden/2.png"]
    members = {f"images_train/cat/{name}": b"junk" for name in junk} | {"__MACOSX/cat/._1.png": b"junk"}
    train = archive(members | {"images_train/cat/1.png": png(), "images_train/dog/1.png": png()})
    assert len(data(train=train).samples("train")) == 2
    assert look(train=train).findings == ()


def test_accents_match_however_each_system_writes_them(data):
    train = archive({"cafe\u0301/1.png": png(), "thé/1.png": png()})
    samples = data(train=train, classes="th\u00e9\ncaf\u00e9\n".encode()).samples("train")
    assert sorted(sample.label or 0 for sample in samples) == [0, 1]


def test_suffixes_may_be_upper_case(data):
    train = archive({"cat/1.PNG": png(), "dog/1.JpEg": png()})
    assert len(data(train=train).samples("train")) == 2


# What is wrong with labels


def test_a_folder_that_is_no_class_is_an_error_with_the_nearest_name(look):
    report = look(train=split("images_train", ("cat", "dgo")))
    (finding,) = report.errors
    assert finding.file == "images_train.tar.gz/images_train/dgo"
    assert "not in classes.txt" in finding.message
    assert finding.remedy == "Rename the folder to 'dog', or add the class to classes.txt."


def test_names_differ_by_case(look):
    assert "'dog'" in look(train=split("images_train", ("cat", "Dog"))).errors[0].remedy


def test_an_empty_folder_of_another_name_does_no_harm(look):
    train = archive({"cat/1.png": png(), "dog/1.png": png(), "bird/.keep": b""})
    assert look(train=train).findings == ()


def test_a_class_without_images_is_a_warning(look):
    report = look(train=split("images_train", ("cat",)), val=split("images_val"))
    assert report.valid
    assert told(report) == [("images_train.tar.gz", "the class 'dog' of classes.txt has no image")]


def test_images_outside_class_folders_are_errors(look):
    report = look(train=archive({"cat/1.png": png(), "dog/1.png": png(), "3.png": png()}))
    assert [(finding.file, finding.message) for finding in report.errors] == [
        ("images_train.tar.gz/3.png", "lies outside the class folders")
    ]


def test_files_that_are_no_images_are_warnings(look):
    train = archive({"cat/1.png": png(), "dog/1.png": png(), "dog/1.txt": b"a dog", "notes.md": b""})
    report = look(train=train)
    assert report.valid
    assert [finding.file for finding in report.warnings] == [
        "images_train.tar.gz/dog/1.txt",
        "images_train.tar.gz/notes.md",
    ]


def test_faults_of_the_class_list_are_findings(look):
    report = look(train=split("images_train"), classes=b"cat\n\ncat\n")
    assert [message for _, message in told(report)][:2] == [
        "line 2 is empty",
        "line 3 repeats 'cat' of line 1",
    ]


def test_an_empty_archive_is_an_error(look):
    assert told(look(train=archive({})))[0] == ("images_train.tar.gz", "holds no image")


# What is wrong with images


def test_images_that_cannot_be_read_are_errors_with_their_path(look):
    whole = noise(0, 64)
    train = archive(
        {
            "images_train/cat/whole.png": whole,
            "images_train/dog/half.png": whole[: len(whole) // 2],
            "images_train/dog/empty.jpg": b"",
            "images_train/dog/page.jpg": b"<html>",
        }
    )
    assert sorted(told(look(train=train))) == [
        ("images_train.tar.gz/images_train/dog/empty.jpg", "is not an image of a known kind"),
        ("images_train.tar.gz/images_train/dog/half.png", "is truncated"),
        ("images_train.tar.gz/images_train/dog/page.jpg", "is not an image of a known kind"),
    ]


def test_hundreds_of_bad_images_make_a_short_report(look):
    report = look(train=archive({f"cat/{index}.png": b"bad" for index in range(300)}), classes=b"cat\n")
    assert len(report.errors) == 20
    assert sum(finding.count for finding in report.errors) == 300
    assert len(report.sentence()) < 900


def test_large_sets_are_judged_by_a_sample_and_say_so(look, monkeypatch):
    monkeypatch.setattr(decoding.sample, "__defaults__", (10,))
    members = {f"cat/{index}.png": png() for index in range(50)} | {"cat/empty.png": b""}
    report = look(train=archive(members), classes=b"cat\n")
    assert report.counts["decoded"] == 10
    assert report.counts["images"] == {"images_train": 51}
    assert [finding.file for finding in report.errors] == ["images_train.tar.gz/cat/empty.png"]


# Which archive serves whom


def test_each_role_has_its_own_archive(data):
    pets = data(
        train=split("images_train", count=3),
        val=split("images_val", count=2),
        test=split("images_test", count=1),
    )
    assert [len(pets.samples(role)) for role in ("train", "val", "test")] == [6, 4, 2]


@pytest.mark.parametrize("only", ["train", "val", "test"])
def test_a_single_archive_serves_every_role(data, only):
    pets = data(**{only: split(f"images_{only}")})
    assert [len(pets.samples(role)) for role in ("train", "val", "test")] == [4, 4, 4]


def test_of_several_archives_none_stands_in_for_another(data):
    pets = data(train=split("images_train"), test=split("images_test"))
    with pytest.raises(DatasetError, match=r"images_val\.tar\.gz is missing.*images_test.*images_train"):
        pets.samples("val")


def test_samples_are_sorted_and_can_be_opened(data):
    samples = data(train=split("images_train", count=12)).samples("train")
    assert [sample.name for sample in samples] == sorted(sample.name for sample in samples)
    assert all(sample.path.is_file() for sample in samples)


# Images without labels


def test_images_to_predict_on_need_no_class_folders(data):
    pets = data(
        train=split("images_train"), test=archive({"images_test/1.png": png(), "images_test/2.png": png()})
    )
    assert named(pets.samples("test")) == [("1.png", None), ("2.png", None)]


def test_unlabelled_test_images_are_a_warning(look):
    report = look(train=split("images_train"), test=archive({"street/1.png": png()}))
    assert report.valid
    assert "cannot" not in report.sentence()
    assert "not measured with" in report.warnings[0].message


def test_unlabelled_images_in_a_dataset_for_testing_serve_predictions_only(data):
    pets = data(intents=["testing"], val=archive({"1.png": png()}))
    assert named(pets.samples("test")) == [("1.png", None)]
    with pytest.raises(DatasetError, match=r"1\.png is in no class folder"):
        pets.samples("train")


def test_unlabelled_training_images_are_errors(look):
    assert not look(train=archive({"1.png": png()})).valid


@pytest.mark.shows("dataset image_classification/default", "dataset image_classification/raw")
@pytest.mark.parametrize("form", ["raw", "default"])
def test_formats_without_classes_take_images_at_any_depth(look, tmp_path, form):
    test = archive({"images_test/a/b/1.png": png(), "images_test/2.png": png()})
    report = look(form, ["testing"], test=test)
    assert report.findings == ()
    pets = ClassificationData.open(tmp_path / "cache")
    assert pets.classes == ()
    assert named(pets.samples("test")) == [("2.png", None), ("a/b/1.png", None)]
