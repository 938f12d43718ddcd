"""Class folders of known and unknown products: what is asked for must have a reference."""

import pytest
from tests.data.digit_images import picture
from tests.data.looking import errors, look, warnings
from tests.data.pet_data import archive
from tests.data.special_data import BASE, class_folders, products

from tunesmith.data.metric_learning import MetricLearningData


@pytest.fixture
def report(tmp_path):
    def run(files=None, **options):
        return look(tmp_path, "ml_recog", "default", files or products(), ("training",), **options)

    return run


@pytest.mark.shows("dataset ml_recog/default")
def test_a_whole_dataset_is_counted(report, tmp_path):
    found = report()
    assert found.findings == ()
    assert found.counts["images"] == dict.fromkeys(
        ("known_classes/train", "known_classes/reference", "known_classes/val"), 24
    ) | dict.fromkeys(("unknown_classes/train", "unknown_classes/reference", "unknown_classes/test"), 16)
    assert found.counts["classes"]["unknown_classes/test"] == dict.fromkeys("6789", 4)
    images = MetricLearningData.open(tmp_path / "cache").images("known_classes/val")
    assert {name: len(paths) for name, paths in images.items()} == dict.fromkeys("012345", 4)


@pytest.mark.parametrize("top", ["{part}/", "known_classes/{part}/"])
def test_archives_may_have_top_folders(report, top):
    assert report(products(2, top)).findings == ()


def test_all_six_archives_are_needed(report):
    files = products(1)
    del files[f"{BASE}/unknown_classes/test.tar.gz"]
    assert errors(report(files)) == [(f"{BASE}/unknown_classes/test.tar.gz", "is missing")]


def test_classes_asked_for_must_have_a_reference(report):
    found = report(products(2, known_val=class_folders([0, 1, 2, 3, 4, 9], 2)))
    assert found.valid
    assert [message for _, message in warnings(found)] == [
        "has the class '9', of which known_classes/reference.tar.gz has no image: it is not measured",
        "has the class '5', of which known_classes/val.tar.gz has no image: it is never asked for",
    ]


def test_nothing_in_common_is_an_error(report):
    found = report(products(2, unknown_test=class_folders([0, 1], 2)))
    ((file, message),) = errors(found)
    assert file == f"{BASE}/unknown_classes/test.tar.gz"
    assert message == "has no class in common with unknown_classes/reference.tar.gz: nothing can be measured"


def test_one_class_is_nothing_to_learn(report):
    found = report(products(2, known_train=class_folders([4], 3, "train/")))
    assert errors(found) == [
        (f"{BASE}/known_classes/train.tar.gz", "has one class: there is nothing to tell it from")
    ]


def test_what_lies_outside_class_folders_is_left_out(report):
    members = class_folders(range(6), 2) | {"1.png": picture(1), "notes.txt": b"x"}
    found = report(products(2, known_train=members))
    assert [message for _, message in warnings(found)] == [
        "lies outside the class folders and is left out",
        "is not an image and is left out",
    ]


def test_an_archive_without_class_folders_is_an_error(report):
    found = report(products(1) | {f"{BASE}/known_classes/reference.tar.gz": archive({"1.png": picture(1)})})
    assert errors(found) == [(f"{BASE}/known_classes/reference.tar.gz", "holds no class folder with images")]
