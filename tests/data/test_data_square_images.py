"""Images to generate others from: squares of one size, and a label for each."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.digit_images import encoded, picture, scan
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive
from tests.data.special_data import class_folders, squares

from tunesmith.data.square_images import SquareData, read_labels


@pytest.fixture
def report(tmp_path):
    def run(files=None, intents=("training",), **options):
        return look(tmp_path, "stylegan_xl", "default", files or squares(), intents, **options)

    return run


@pytest.mark.shows("dataset stylegan_xl/default")
def test_a_whole_dataset_is_counted(report, tmp_path):
    found = report()
    assert found.findings == ()
    assert found.counts["images"] == 12
    assert found.counts["classes"] == {"dataset.json": {"0": 4, "1": 4, "2": 4}}
    assert found.counts["sizes"] == {"16 x 16": 12}
    samples = SquareData.open(tmp_path / "cache").samples()
    assert [sample.label for sample in samples] == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.parametrize("listed", [None, b'{"labels": null}', b"{}"])
def test_without_classes_all_images_are_alike(report, tmp_path, listed):
    assert report(squares(changes={"images/dataset.json": listed})).findings == ()
    samples = SquareData.open(tmp_path / "cache").samples()
    assert {sample.label for sample in samples} == {None}


def test_the_list_may_lie_beside_the_archive(report, tmp_path):
    beside = json.dumps({"labels": [[f"{digit}/0.png", digit] for digit in range(3)]}).encode()
    files = {"images.tar.gz": archive(class_folders(range(3), 1)), "dataset.json": beside}
    assert report(files).findings == ()
    assert [sample.label for sample in SquareData.open(tmp_path / "cache").samples()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("pixels", "fault"),
    [
        (scan(1)[:12], "is 16 x 12, no square, as are 0 others"),
        (scan(1, size=8), "is 8 x 8, as are 0 others, and most are 16 x 16"),
    ],
)
def test_labelled_images_are_squares_of_one_size(report, pixels, fault):
    found = report(squares(changes={"images/1_0.png": encoded(pixels)}))
    assert errors(found) == [("images.tar.gz/images/1_0.png", fault)]


def test_images_of_other_sizes_can_be_converted(report):
    found = report(squares(labels=None, changes={"images/1_0.png": encoded(scan(1)[:12])}))
    assert found.valid
    assert warnings(found)[0][1].endswith("its middle square is cut out and scaled")


def test_labels_and_images_match_in_both_directions(report):
    found = report(squares(labels=[["0_0.png", 0], ["9_9.png", 1], ["0_0.png", 1]]))
    assert errors(found) == [
        ("dataset.json", "names '9_9.png', which images.tar.gz does not hold"),
        ("images.tar.gz/images/0_0.png", "has 2 labels in dataset.json"),
    ]
    assert len(warnings(found)) == 11


def test_gaps_between_classes_are_told(report):
    found = report(squares(1, labels=[["0_0.png", 0], ["1_0.png", 5], ["2_0.png", 5]]))
    assert warnings(found) == [("dataset.json", "has no image of 4 classes below its largest, 1 the first")]


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ([], "has no list of labels"),
        ("x", "has no list of labels"),
        ([["0_0.png"]], "has the label 0, which is no file and class index below 100000"),
        ([["0_0.png", -1]], "has the label 0"),
        ([["0_0.png", True]], "has the label 0"),
        ([["0_0.png", 1.5]], "has the label 0"),
        ([["0_0.png", 10**30]], "has the label 0"),
    ],
)
def test_labels_that_are_none_are_errors(report, labels, fault):
    ((file, message),) = errors(report(squares(labels=labels)))
    assert file == "images.tar.gz/images/dataset.json"
    assert fault in message


def test_an_archive_without_images_is_an_error(report):
    assert errors(report({"images.tar.gz": archive({"notes.txt": b""})})) == [
        ("images.tar.gz", "holds no image")
    ]


def test_broken_images_are_errors(report):
    found = report(squares(changes={"images/1_0.png": picture(1)[:60]}))
    assert [file for file, _ in errors(found)] == ["images.tar.gz/images/1_0.png"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("labels"), inner, max_size=1),
    ).map(lambda value: json.dumps({"labels": value}).encode())
)
def test_any_labels_are_read_or_refused(tmp_path, data):
    path = tmp_path / "dataset.json"
    path.write_bytes(data)
    assert is_read_or_refused(read_labels, path)
