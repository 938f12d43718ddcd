"""What changed between two images of a place: names and sizes that agree, and labels of 0 and 255."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.digit_images import encoded, picture
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.scene_data import changing

from tunesmith.data.levircd import LevirData, read_change


@pytest.fixture
def report(tmp_path):
    def run(files=None, intents=("training", "evaluation", "testing")):
        files = files or changing()
        return look(tmp_path, "visual_changenet", "visual_changenet_segment", files, intents)

    return run


@pytest.mark.shows("dataset visual_changenet/visual_changenet_segment")
@pytest.mark.parametrize("top", [True, False])
def test_a_whole_dataset_is_counted(report, tmp_path, top):
    found = report(changing(top=top))
    assert found.findings == ()
    assert found.counts["images"] == {"A": 8, "B": 8, "label": 8}
    assert found.counts["pairs"] == {"train": 3, "val": 2, "test": 2, "predict": 1}
    assert found.counts["label_pixels"] == {"changed": 7 * 256, "unchanged": 7 * (64 * 64 - 256)}
    pair = LevirData.open(tmp_path / "cache").pairs("val")[1]
    assert (pair.before.name, pair.after.parts[-3:-1].count("B") > 0) == ("val_1.png", True)
    assert pair.label
    assert read_change(pair.label).sum() == 256


def test_labels_may_have_another_suffix(report):
    mask = encoded(np.zeros((64, 64), np.uint8))
    found = report(changing(changes={"label": {"train_0.png": None, "train_0.tif": mask}}))
    assert found.findings == ()


@pytest.mark.parametrize("part", ["A", "B", "label"])
def test_every_listed_place_is_in_every_part(report, part):
    found = report(changing(changes={part: {"val_0.png": None}}))
    assert errors(found) == [(f"{part}.tar.gz", "holds no 'val_0.png', which val.txt names")]


def test_places_to_predict_on_need_no_label(report):
    assert report(changing(changes={"label": {"predict_0.png": None}})).findings == ()


@pytest.mark.parametrize("part", ["A", "B", "label"])
def test_sizes_must_agree(report, part):
    found = report(changing(changes={part: {"train_1.png": encoded(np.zeros((32, 40), np.uint8))}}))
    sizes = [message for _, message in errors(found)]
    assert sizes
    assert all("40 x 32" in message and "64 x 64" in message for message in sizes)


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        (encoded(np.full((64, 64), 7, np.uint8)), "has the values 7, not 0 and 255"),
        (
            encoded(np.arange(64 * 64).reshape(64, 64).astype(np.uint8)),
            "has the values 0, 1, 2, 3, 4, 5 and more",
        ),
        (encoded(np.full((64, 64, 3), (255, 0, 0), np.uint8)), "has colours"),
        (b"nothing", "cannot be read as an image"),
    ],
)
def test_labels_are_0_and_255(report, label, fault):
    found = errors(report(changing(changes={"label": {"train_0.png": label}})))
    assert [file for file, _ in found] == ["label.tar.gz/label/train_0.png"]
    assert fault in found[0][1]


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0,)])
def test_labels_of_two_values_say_what_changed(tmp_path, values):
    mask = np.resize(np.array(values, np.uint8), (4, 4))
    (tmp_path / "1.png").write_bytes(encoded(mask))
    assert (read_change(tmp_path / "1.png") == (mask > 0)).all()


def test_without_a_change_there_is_a_warning(report):
    nothing = {
        f"{split}_{index}.png": encoded(np.zeros((64, 64), np.uint8))
        for split, count in (("train", 3), ("val", 2), ("test", 2))
        for index in range(count)
    }
    assert warnings(report(changing(changes={"label": nothing}))) == [
        ("label.tar.gz", "marks no change at all in the labels looked at")
    ]


@pytest.mark.parametrize(
    ("lists", "intents", "missing"),
    [
        ({"train.txt": None}, ["training"], "has no train.txt that names an image"),
        ({"train.txt": b"\n \n"}, ["training"], "has no train.txt that names an image"),
        (
            {"test.txt": None, "val.txt": None},
            ["evaluation"],
            "has no test.txt or val.txt that names an image",
        ),
        (
            {f"{one}.txt": None for one in ("test", "val", "predict")},
            ["testing"],
            "has no predict.txt or test.txt",
        ),
    ],
)
def test_each_use_needs_its_list(report, lists, intents, missing):
    found = report(changing(changes={"list": lists}), intents)
    assert [file for file, _ in errors(found)] == ["list.tar.gz"]
    assert missing in errors(found)[0][1]


def test_lists_tell_what_is_learnt_and_measured_with(report):
    found = report(changing(changes={"list": {"val.txt": b"train_0.png\r\nval_0.png\r\n"}}))
    assert [message for _, message in warnings(found)] == [
        "names 1 images in train.txt and in val.txt: what is measured is too good",
        "is named in no list and is left out",
        "is named in no list and is left out",
        "is named in no list and is left out",
    ]


def test_a_training_without_images_to_measure_with_is_told(report):
    found = report(changing({"train": 2, "test": 1}), ["training"])
    assert [message for _, message in warnings(found)] == [
        "has no val.txt that names an image: a training has nothing to measure itself with"
    ]


@pytest.mark.parametrize("line", [b"../A/train_0.png\n", b"/etc/passwd\n", b"x" * 300 + b"\n"])
def test_names_lead_nowhere_else(report, line):
    found = report(changing(changes={"list": {"predict.txt": b"val_0.png\n" + line}}))
    assert {file for file, _ in errors(found)} <= {"A.tar.gz", "B.tar.gz"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_list_gives_a_report(tmp_path_factory, data):
    files = changing({"val": 1}, changes={"list": {"train.txt": data}})
    found = look(tmp_path_factory.mktemp("any"), "visual_changenet", "visual_changenet_segment", files)
    assert found.model_dump_json()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 100))
def test_any_label_is_read_or_refused(tmp_path, junk, keep):
    path = tmp_path / "label.png"
    path.write_bytes(picture(1)[:keep] + junk)
    assert is_read_or_refused(read_change, path)
