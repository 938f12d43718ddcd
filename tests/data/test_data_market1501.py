"""Photographs of persons: names that tell who it is, and who can be found again."""

import pytest
from tests.data.digit_images import picture
from tests.data.looking import errors, look, warnings
from tests.data.pet_data import archive
from tests.data.special_data import persons

from tunesmith.data.market1501 import Market1501Data


@pytest.fixture
def report(tmp_path):
    def run(files=None, **options):
        return look(tmp_path, "re_identification", "default", files or persons(), ("training",), **options)

    return run


@pytest.mark.shows("dataset re_identification/default")
def test_a_whole_dataset_is_counted(report, tmp_path):
    found = report()
    assert found.findings == ()
    assert found.counts["images"] == {"train": 20, "test": 20, "query": 20}
    assert found.counts["persons"] == {"train": 5, "test": 5, "query": 5}
    assert found.counts["cameras"] == {"train": 2, "test": 2, "query": 2}
    assert found.counts["decoded"] == 60
    first = Market1501Data.open(tmp_path / "cache").split("query").images[0]
    assert (first.person, first.camera) == (6, 1)


@pytest.mark.parametrize("top", ["", "bounding_box_train/", "a/b/"])
def test_folders_within_archives_do_not_matter(report, top):
    members = {
        f"{top}{person:04d}_c{camera}_f1.jpg": picture(person, camera, kind="JPEG")
        for person in (1, 2)
        for camera in (1, 2)
    }
    assert report(persons() | {"sample_train.tar.gz": archive(members)}).findings == ()


def test_distractors_are_searched_but_not_learnt(report, tmp_path):
    odd = {f"{name}_c1s1_000001_00.jpg": picture(1, kind="JPEG") for name in ("0000", "-1")}
    found = report(persons(changes={"train": odd, "test": odd}))
    assert [file for file, _ in warnings(found)] == [
        "sample_train.tar.gz/-1_c1s1_000001_00.jpg",
        "sample_train.tar.gz/0000_c1s1_000001_00.jpg",
        "sample_test.tar.gz/-1_c1s1_000001_00.jpg",
    ]
    data = Market1501Data.open(tmp_path / "cache")
    assert 0 not in data.split("train").persons()
    assert any(image.person == 0 for image in data.split("test").images)


def test_names_that_tell_nobody_are_left_out(report):
    found = report(persons(changes={"train": {"holiday.jpg": picture(1, kind="JPEG")}}))
    assert found.valid
    assert warnings(found) == [
        ("sample_train.tar.gz/holiday.jpg", "is left out, as its name tells no person and camera")
    ]


def test_a_split_without_persons_is_an_error(report):
    members = archive({"a.jpg": picture(1), "99999999999999999999_c1.jpg": picture(1)})
    found = report(persons() | {"sample_query.tar.gz": members})
    assert errors(found) == [("sample_query.tar.gz", "holds no image named after a person")]


def test_whom_no_other_camera_saw_is_not_measured(report):
    gone = {f"sample_test/0006_c{1 + index % 2}s1_{index:06d}_00.jpg": None for index in range(4)}
    found = report(persons(changes={"test": gone}))
    assert found.valid
    assert {message for _, message in warnings(found)} == {
        "shows person 6, whom no other camera saw in sample_test.tar.gz: it is not measured"
    }


def test_queries_that_nobody_matches_are_an_error(report):
    strangers = archive(
        {f"00{person}_c{camera}_1.jpg": picture(3) for person in (77, 78) for camera in (1, 2)}
    )
    found = report(persons() | {"sample_test.tar.gz": strangers})
    ((file, message),) = errors(found)
    assert file == "sample_query.tar.gz"
    assert "nothing can be measured" in message


@pytest.mark.parametrize("names", [["0001_c1_1.jpg", "0002_c1_1.jpg"], ["0001_c1_1.jpg", "0001_c2_1.jpg"]])
def test_there_must_be_persons_to_compare(report, names):
    found = report(persons() | {"sample_train.tar.gz": archive({name: picture(1) for name in names})})
    assert "gives nothing to compare" in errors(found)[0][1]


def test_persons_learnt_and_asked_for_are_told(report):
    files = persons()
    found = report(files | {"sample_train.tar.gz": files["sample_query.tar.gz"]})
    assert "5 of its persons are in sample_train.tar.gz too" in warnings(found)[0][1]


def test_broken_images_are_errors(report):
    found = report(persons(changes={"query": {"sample_query/0006_c1s1_000000_00.jpg": b"broken"}}))
    assert errors(found) == [
        ("sample_query.tar.gz/sample_query/0006_c1s1_000000_00.jpg", "is not an image of a known kind")
    ]
