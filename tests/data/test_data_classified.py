"""Image classification with classmap.json, with val.csv, and without labels."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive
from tests.data.special_data import class_folders, mapped

from tunesmith.data.classification import ClassificationData
from tunesmith.data.classmap import read_classmap
from tunesmith.data.custom_images import CustomImages


@pytest.fixture
def report(tmp_path):
    def run(form, files, intents=("training",), **options):
        return look(tmp_path, "image_classification", form, files, intents, **options)

    return run


def custom(rows: str | bytes, **archives: dict[str, bytes]) -> dict[str, bytes]:
    folders = archives or {"images_val": class_folders(range(2), 2, "images_val/")}
    listed = rows if isinstance(rows, bytes) else rows.encode()
    return {f"{name}.tar.gz": archive(members) for name, members in folders.items()} | {"val.csv": listed}


@pytest.mark.shows("dataset image_classification/classification_tf2")
def test_a_class_map_gives_the_indices(report, tmp_path):
    found = report("classification_tf2", mapped())
    assert found.findings == ()
    assert found.counts["classes"] == {
        "images_train": dict.fromkeys("012", 3),
        "images_val": dict.fromkeys("012", 2),
    }
    data = ClassificationData.open(tmp_path / "cache")
    assert data.classes == ("0", "1", "2")
    assert [sample.label for sample in data.samples("val")] == [0, 0, 1, 1, 2, 2]


def test_folders_are_held_against_the_class_map(report):
    files = mapped() | {"classmap.json": b'{"0": 0, "1": 1, "3": 2}'}
    found = report("classification_tf2", files)
    assert {message for _, message in errors(found)} == {
        "is a folder of 3 images whose name is not in classmap.json",
        "is a folder of 2 images whose name is not in classmap.json",
    }
    assert "the class '3' of classmap.json has no image" in warnings(found)[0][1]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "is not JSON"),
        (b"[]", "is not a JSON object of classes"),
        (b"{}", "is not a JSON object of classes"),
        (b'{"a": 0, "b": 0}', "gives two classes the same index"),
        (b'{"a": 1}', "gives the class 'a' no index from 0 to 0"),
        (b'{"a": true, "b": 0}', "gives the class 'a' no index"),
        (b'{"a": "0"}', "gives the class 'a' no index"),
        (b'{"a": 0, " a": 1}', "names the class 'a' twice"),
        (b'{"": 0}', "has the class ''"),
        (b'{"\\ud800": 0}', "has the class '\\ud800'"),
        (b'{"a\\u0000": 0}', "has the class 'a\\x00'"),
        (b"\xff\xfe{", "is not UTF-8 text"),
    ],
)
def test_a_class_map_that_gives_no_indices_is_an_error(report, text, fault):
    ((file, message),) = errors(report("classification_tf2", mapped() | {"classmap.json": text}))
    assert file == "classmap.json"
    assert fault in message


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_class_map_is_read_or_refused(tmp_path, data):
    path = tmp_path / "classmap.json"
    path.write_bytes(data)
    assert is_read_or_refused(read_classmap, path)


@pytest.mark.shows("dataset image_classification/ssl")
def test_images_without_labels_may_lie_at_any_depth(report, tmp_path):
    members = class_folders(range(2), 2, "images_train/a/b/") | class_folders([3], 1, "images_train/")
    found = report("ssl", {"images_train.tar.gz": archive(members)})
    assert found.findings == ()
    assert found.counts["images"] == {"images_train": 5}
    assert len(ClassificationData.open(tmp_path / "cache").images("train")) == 5


def test_a_training_set_has_images_to_learn_from(report):
    members = archive(class_folders(range(2)))
    found = report("ssl", {"images_val.tar.gz": members, "images_test.tar.gz": members})
    assert errors(found) == [("images_train.tar.gz", "is missing")]


@pytest.mark.shows("dataset image_classification/custom")
def test_a_list_labels_images(report, tmp_path):
    found = report("custom", custom("path,label\nimages_val/0/0.png,zero\n1/1.png,one\n./0/1.png,zero\n"))
    assert found.findings == ()
    assert found.counts["classes"] == {"val.csv": {"zero": 2, "one": 1}}
    labelled = CustomImages.open(tmp_path / "cache").labelled()
    assert [(one.path.parent.name, one.path.name, one.label) for one in labelled] == [
        ("0", "0.png", "zero"),
        ("1", "1.png", "one"),
        ("0", "1.png", "zero"),
    ]


def test_of_two_images_of_a_name_that_of_the_validation_split_counts(report, tmp_path):
    folders = {name: class_folders([1], 1, f"{name}/") for name in ("images_train", "images_val")}
    assert report("custom", custom("1/0.png,one\n", **folders)).valid
    (one,) = CustomImages.open(tmp_path / "cache").labelled()
    assert "images_val" in one.path.parts


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("", "labels no image"),
        ("0/9.png,zero\n", "names the image '0/9.png' in line 1, which no archive holds"),
        ("../0/0.png,zero\n", "names the image '../0/0.png' in line 1"),
        ("0/0.png\n", "has no label of printable text in line 1"),
        ("0/0.png,a\x00b\n", "has no label of printable text in line 1"),
        ("0/0.png,a\n1/0.png,b\n0/0.png,c\n", "gives '0/0.png' a second label in line 3"),
        ("x" * 20_000, "has more than 10000 characters in line 1"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_rows_that_label_nothing_are_errors(report, rows, fault):
    found = errors(report("custom", custom(rows)))
    assert [file for file, _ in found] == ["val.csv"]
    assert fault in found[0][1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.text("0/1.png,\"\n\r\t'", max_size=60).map(str.encode))
def test_any_list_gives_a_report(report, tmp_path_factory, rows):
    found = look(tmp_path_factory.mktemp("any"), "image_classification", "custom", custom(rows))
    assert found.model_dump_json()
