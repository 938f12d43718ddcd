"""Images with Objectron's annotations: pairs, and what an annotation must hold."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive, png
from tests.data.spatial_data import annotation, objectron, pose

from tunesmith.data.objectron import ObjectronData, read_annotation


@pytest.fixture
def report(tmp_path):
    def run(changes=(), top="", **files):
        whole = {
            "train.tar.gz": objectron("train", top, dict(changes)),
            "test.tar.gz": objectron("test", top),
        }
        renamed = {f"{name}.tar.gz": data for name, data in files.items()}
        return look(tmp_path, "centerpose", "default", whole | renamed, ["training"])

    return run


@pytest.mark.shows("dataset centerpose/default")
def test_a_whole_dataset_is_counted(report):
    found = report(val=objectron("val"))
    assert found.findings == ()
    assert found.counts["images"] == found.counts["annotated"] == {"train": 2, "val": 2, "test": 2}
    assert found.counts["objects"]["train"] == {"bike": 2}
    assert found.counts["decoded"] == 6


@pytest.mark.parametrize("top", ["", "bikes/"])
def test_samples_can_be_read(report, tmp_path, top):
    assert report(top=top).valid
    first, _ = ObjectronData.open(tmp_path / "cache").samples("train")
    assert first.annotation
    found = read_annotation(first.annotation)
    assert (found.camera.fx, found.camera.cx) == (600, 300)
    (bike,) = found.objects
    assert (bike.name, bike.cuboid.shape, bike.keypoints.shape) == ("bike", (9, 2), (9, 3))
    assert bike.scale.tolist() == [1.0, 0.8, 0.4]
    assert bike.cuboid[0].tolist() == [300, 400]


def test_one_of_train_and_val_is_enough_and_test_is_needed(tmp_path):
    files = {"val.tar.gz": objectron("val")}
    assert errors(look(tmp_path / "a", "centerpose", "default", files)) == [("test.tar.gz", "is missing")]
    files["test.tar.gz"] = objectron("test")
    assert look(tmp_path / "b", "centerpose", "default", files).valid


def test_images_and_annotations_without_partners_are_left_out_with_a_warning(report, tmp_path):
    found = report({"bike_1/00000.json": None, "bike_1/00009.json": annotation(pose())})
    assert found.valid
    assert warnings(found) == [
        ("train.tar.gz/train/bike_1/00000.png", "has no annotation and is left out"),
        ("train.tar.gz/train/bike_1/00009.json", "has no image and is left out"),
    ]
    assert len(ObjectronData.open(tmp_path / "cache").samples("train")) == 1


def test_training_images_without_any_annotation_are_an_error(report):
    found = report({"bike_1/00000.json": None, "bike_1/00001.json": None})
    assert errors(found) == [("train.tar.gz", "has no image with an annotation")]


def test_test_images_need_no_annotation(report, tmp_path):
    found = report(test=archive({"0.png": png(), "1.png": png()}))
    assert found.valid
    assert "but not measured with" in warnings(found)[0][1]
    assert len(ObjectronData.open(tmp_path / "cache").samples("test")) == 2


def test_a_split_without_images_or_without_objects_is_an_error(report):
    nothing = annotation()
    found = report({"bike_1/00000.json": nothing, "bike_1/00001.json": nothing}, test=archive({}))
    assert errors(found) == [
        ("train.tar.gz", "annotates no object at all"),
        ("test.tar.gz", "holds no image"),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "is not JSON"),
        (b"[]", "has no objects"),
        (b'{"objects": 3, "camera_data": {}}', "objects that are no list"),
        (b'{"objects": []}', "has no camera_data"),
        (b'{"objects": [], "camera_data": {}}', "has no intrinsics"),
        (annotation(pose(), fx=0.0), "focal length"),
        (annotation(pose(), fx="wide"), "fx that is not a number"),
        (annotation(pose(), fx=float("nan")), "fx that is not a number"),
        (annotation(pose(scale=[1, 0, 1])), "a scale in object 0 that is not positive"),
        (annotation(pose(), pose(scale=[1, 1])), "a scale in object 1 that is not 3 numbers"),
        (annotation(pose(projected_cuboid=[[0, 0]] * 8)), "a projected_cuboid in object 0 that is not 9 x 2"),
        (annotation(pose(keypoints_3d=None)), "a keypoints_3d in object 0 that is not 9 x 3"),
        (annotation(pose(quaternion_xyzw=[0, 0, 0, 0])), "a quaternion in object 0 of the length 0"),
        (annotation(pose(quaternion_xyzw=[10**400, 0, 0, 1])), "quaternion_xyzw in object 0 that is not 4"),
        (annotation({}), "has no projected_cuboid in object 0"),
        (b"[" * 100_000, "is nested too deep"),
        (b'{"objects": ' + b"9" * 5000 + b"}", "too many digits"),
    ],
)
def test_annotations_that_cannot_be_used_are_errors(report, data, words):
    ((file, message),) = errors(report({"bike_1/00001.json": data}))
    assert file == "train.tar.gz/train/bike_1/00001.json"
    assert words in message


def test_names_that_no_database_takes_are_made_printable(report):
    found = report({"bike_1/00001.json": annotation(pose(**{"class": "bi\0ke\ud800"}))})
    assert found.counts["objects"]["train"] == {"bi?ke?": 1, "bike": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(pose())), JSON), st.dictionaries(st.just("fx"), JSON))
def test_any_annotation_is_read_or_refused(tmp_path, changes, intrinsics):
    path = tmp_path / "any.json"
    path.write_text(json.dumps(json.loads(annotation(pose(**changes), **intrinsics))))
    assert is_read_or_refused(read_annotation, path)
