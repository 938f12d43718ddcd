"""COCO's panoptic datasets: PNG files of segment ids against the segments that are listed."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.detection_data import GROUND, Files, count_of, panoptic, scenes, with_json
from tests.data.digit_images import encoded, picture
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive

from tunesmith.data.panoptic import read_panoptic
from tunesmith.data.panoptic_data import ANNOTATIONS, PanopticData

PICTURES = scenes(4)
WHOLE = panoptic(PICTURES)


@pytest.fixture
def report(tmp_path):
    def run(files=WHOLE, intents=("training", "evaluation")):
        return look(tmp_path, "segmentation", "coco_panoptic", files, intents)

    return run


def changed(change) -> Files:
    return with_json(WHOLE, ANNOTATIONS, change)


@pytest.mark.shows("dataset segmentation/coco_panoptic")
@pytest.mark.parametrize("folder", ["masks/", "images_panoptic/", ""])
def test_a_whole_dataset_is_counted(report, tmp_path, folder):
    found = report(panoptic(PICTURES, folder))
    assert found.findings == ()
    things = count_of(PICTURES)
    assert found.counts["panoptic"] == {"images": 4, "segments": sum(things.values()) + 4}
    assert found.counts["panoptic_classes"] == things | {"ground": 4}
    data = PanopticData.open(tmp_path / "cache")
    assert [one.name for one in data.categories] == ["zero", "one", "two", "ground"]
    assert [one.is_thing for one in data.categories] == [True, True, True, False]


def test_pixels_and_segments_are_brought_together(report, tmp_path):
    report()
    data = PanopticData.open(tmp_path / "cache")
    for place, (sample, scene) in enumerate(zip(data.samples, PICTURES, strict=True)):
        ids = read_panoptic(sample.png)
        rows = data.segments.rows(place)
        names = [data.categories[index].name for index in data.segments.category_of[rows]]
        assert names == ["ground", *(one.name for one in scene.drawn)]
        for own, one in zip(data.segments.ids[rows][1:], scene.drawn, strict=True):
            assert ((ids == own) == one.mask).all()


def test_ids_are_packed_with_red_as_the_lowest_byte(tmp_path):
    path = tmp_path / "ids.png"
    path.write_bytes(encoded(np.array([[[1, 2, 3], [0, 0, 0]]], np.uint8)))
    assert read_panoptic(path).tolist() == [[1 + 2 * 256 + 3 * 65536, 0]]


def drop_first_segment(value):
    value["annotations"][0]["segments_info"].pop()


def add_segment(value):
    value["annotations"][0]["segments_info"].append({"id": 99, "category_id": 1, "area": 1, "iscrowd": 0})


def wrong_area(value):
    value["annotations"][0]["segments_info"][0]["area"] += 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (drop_first_segment, "has pixels of 1 ids that annotations_panoptic.json does not list, 1000"),
        (add_segment, "has no pixel of 1 segments, 99 the first"),
        (wrong_area, "has other areas than annotations_panoptic.json says for 1 segments, 7"),
    ],
)
def test_segments_and_pixels_that_differ_are_told(report, change, fault):
    found = report(changed(change))
    assert errors(found) == []
    ((file, message),) = warnings(found)
    assert file == f"images_panoptic.tar.gz/masks/{PICTURES[0].stem}.png"
    assert message.startswith(fault)


def test_files_of_which_no_id_is_known_are_refused(report):
    def shift(value):
        for annotation in value["annotations"]:
            for segment in annotation["segments_info"]:
                segment["id"] += 5_000_000

    assert [file for file, _ in errors(report(changed(shift)))] == ["images_panoptic.tar.gz"]


@pytest.mark.parametrize(
    ("segment", "fault"),
    [
        ({"id": 0, "category_id": 1}, "without an id from 1 to 16777215"),
        ({"id": 1 << 24, "category_id": 1}, "without an id from 1 to 16777215"),
        ({"id": "1", "category_id": 1}, "without an id from 1 to 16777215"),
        ({"id": 7, "category_id": 1}, "the id 7 for a second segment of its image"),
        ({"id": 5, "category_id": 9}, "of a category that is not in the label map"),
        ({"id": 5}, "of a category that is not in the label map"),
        ({"id": 5, "category_id": 1, "iscrowd": "no"}, "an iscrowd that is neither 0 nor 1"),
        (None, "without an id"),
        ([[[]]], "without an id"),
    ],
)
def test_what_is_wrong_with_a_segment_is_said(report, segment, fault):
    def add(value):
        value["annotations"][1]["segments_info"].append(segment)

    ((file, message),) = errors(report(changed(add)))
    assert file == ANNOTATIONS
    assert "annotations[1].segments_info[" in message
    assert fault in message


def test_png_files_must_be_there(report):
    pngs = panoptic(PICTURES[1:])["images_panoptic.tar.gz"]
    name = f"{PICTURES[0].stem}.png"
    fault = f"holds no {name!r}, which annotations_panoptic.json names"
    assert errors(report(WHOLE | {"images_panoptic.tar.gz": pngs})) == [("images_panoptic.tar.gz", fault)]


@pytest.mark.parametrize(
    ("png", "fault"),
    [
        (encoded(np.zeros((8, 9, 3), np.uint8)), "is 9 x 8, and images.tar.gz/images/"),
        (encoded(np.zeros((64, 96), np.uint8)), "is an image of the mode L, not RGB"),
        (picture(1, kind="JPEG"), "is a JPEG image"),
        (b"nothing", "cannot be read as an image"),
    ],
)
def test_png_files_hold_ids_for_each_pixel(report, png, fault):
    pngs = {f"{scene.stem}.png": png for scene in PICTURES}
    found = report(WHOLE | {"images_panoptic.tar.gz": archive(pngs)})
    assert any(message.startswith(fault) for _, message in errors(found))


def test_an_image_is_annotated_once(report):
    def twice(value):
        value["annotations"].append(value["annotations"][0])

    fault = "has in annotations[4] a second annotation of the image 1"
    assert errors(report(changed(twice))) == [(ANNOTATIONS, fault)]


def test_the_label_map_has_all_categories(report):
    labels = [one for one in json.loads(WHOLE["label_map_panoptic.json"]) if one["id"] != GROUND]
    found = errors(report(WHOLE | {"label_map_panoptic.json": json.dumps(labels).encode()}))
    assert ("label_map_panoptic.json", f"lacks the category {GROUND} ('ground') of the annotations") in found


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{", b'{"images": 3}', b"\xff", b"[" * 100_000, b"NaN"])
def test_a_file_that_is_none_is_refused(report, damaged):
    assert errors(report(WHOLE | {ANNOTATIONS: damaged}))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 4000))
def test_any_bytes_give_a_report(tmp_path_factory, junk, keep):
    files = WHOLE | {ANNOTATIONS: WHOLE[ANNOTATIONS][:keep] + junk + WHOLE[ANNOTATIONS][keep + len(junk) :]}
    found = look(tmp_path_factory.mktemp("any"), "segmentation", "coco_panoptic", files)
    assert found.valid is not bool(errors(found))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 100))
def test_any_png_is_read_or_refused(tmp_path, junk, keep):
    path = tmp_path / "ids.png"
    path.write_bytes(encoded(np.zeros((4, 4, 3), np.uint8))[:keep] + junk)
    assert is_read_or_refused(read_panoptic, path)
