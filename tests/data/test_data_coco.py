"""COCO's instances: images, boxes, masks and classes that agree, and findings where they do not."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.detection_data import coco, count_of, scenes, with_json
from tests.data.digit_images import encoded
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive

from tunesmith.data.coco_data import ANNOTATIONS, CocoData
from tunesmith.data.coco_reading import parse_coco
from tunesmith.data.errors import DatasetError
from tunesmith.data.findings import Findings
from tunesmith.data.scenes import NAMES

PICTURES = scenes(4)
DETECTION, MAL, MASKS = (
    ("object_detection", "coco"),
    ("segmentation", "default"),
    ("segmentation", "coco"),
)
any_file = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def report(tmp_path):
    def run(files=None, pair=DETECTION, intents=("training", "evaluation")):
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        dataset_type, dataset_format = pair
        return look(tmp_path, dataset_type, dataset_format, files or coco(PICTURES), intents)

    return run


def edited(change, masks="none"):
    """A dataset with what a function changes in annotations.json."""
    return with_json(coco(PICTURES, masks), ANNOTATIONS, change)


def first(**fields):
    """Changes fields of the first annotation; None removes one."""

    def change(whole):
        whole["annotations"][0].update(fields)
        whole["annotations"][0] = {k: v for k, v in whole["annotations"][0].items() if v is not None}

    return change


@pytest.mark.shows("dataset object_detection/coco")
@pytest.mark.parametrize("top", ["images/", "", "set/train2017/"])
def test_a_whole_dataset_is_counted(report, tmp_path, top):
    found = report(coco(PICTURES, top=top))
    assert found.findings == ()
    total = sum(len(scene.drawn) for scene in PICTURES)
    assert found.counts["images"] == {"listed": 4, "annotated": 4, "unlisted": 0}
    assert (found.counts["annotations"], found.counts["decoded"]) == (total, 4)
    assert found.counts["classes"] == {ANNOTATIONS: count_of(PICTURES)}
    assert found.counts["categories"] == {"declared": 3, "used": 3, "lowest_id": 1, "highest_id": 3}


@pytest.mark.parametrize("first_id", [0, 1, 40])
def test_annotations_are_read_by_image_with_labels_from_0(report, tmp_path, first_id):
    files = coco(PICTURES, first_id=first_id)
    shuffled = with_json(files, ANNOTATIONS, lambda whole: whole["annotations"].reverse())
    assert report(shuffled).valid
    data = CocoData.open(tmp_path / "cache")
    found = data.annotated
    assert [one.id for one in found.categories] == [first_id, first_id + 1, first_id + 2]
    for place, scene in enumerate(PICTURES):
        assert data.paths[place].name == scene.name
        rows = found.rows(place)
        drawn = sorted((one.box, one.name) for one in scene.drawn)
        read = sorted((tuple(found.boxes[row].tolist()), NAMES[int(found.category_of[row])]) for row in rows)
        assert read == drawn


@pytest.mark.shows("dataset segmentation/coco", "dataset segmentation/default")
@pytest.mark.parametrize("pair", [MAL, MASKS])
@pytest.mark.parametrize("masks", ["polygons", "rle", "counts"])
def test_masks_are_read_as_they_were_drawn(report, tmp_path, pair, masks):
    found = report(coco(PICTURES, masks), pair)
    assert found.findings == ()
    assert found.counts["masks"] == found.counts["annotations"]
    read = CocoData.open(tmp_path / "cache", masks=True).annotated
    for place, scene in enumerate(PICTURES):
        for row, one in zip(read.rows(place), scene.drawn, strict=True):
            found_mask = read.mask(row)
            assert found_mask is not None
            assert (found_mask == one.mask).all()
            assert read.areas[row] == one.area


def test_boxes_alone_are_enough_where_only_boxes_are_learnt(report):
    files = coco(PICTURES) | {"label_map.json": b'{"1": "zero", "2": "one", "3": "two"}'}
    found = report(files, MAL)
    assert found.valid
    assert warnings(found) == [(ANNOTATIONS, "has no annotation with a segmentation")]


def test_masks_are_needed_where_they_are_learnt(report):
    files = coco(PICTURES) | {"label_map.json": b'{"1": "zero", "2": "one", "3": "two"}'}
    assert errors(report(files, MASKS)) == [(ANNOTATIONS, "has no annotation with a segmentation")]


def test_annotations_without_a_mask_are_left_out_among_others(report, tmp_path):
    files = edited(lambda whole: whole["annotations"][1].update(segmentation=[]), "polygons")
    found = report(files, MASKS)
    assert warnings(found) == [(ANNOTATIONS, "has 1 annotations without a segmentation: they are left out")]
    total = sum(len(scene.drawn) for scene in PICTURES)
    assert len(CocoData.open(tmp_path / "cache", masks=True).annotated) == total - 1


def test_a_box_may_come_from_its_mask(report, tmp_path):
    for masks in ("polygons", "rle"):
        assert report(edited(first(bbox=None), masks), MASKS).findings == ()
        boxes = CocoData.open(tmp_path / "cache", masks=True).annotated.boxes
        assert tuple(boxes[0]) == PICTURES[0].drawn[0].box


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"bbox": None}, "has annotations[0], which has no bbox of four numbers of pixels"),
        ({"bbox": [1, 2, 3]}, "has annotations[0], which has no bbox of four numbers of pixels"),
        ({"bbox": [1, 2, float("nan"), 3]}, "has annotations[0], which has no bbox of four numbers"),
        ({"bbox": [1, 2, 1e300, 3]}, "has annotations[0], which has no bbox of four numbers"),
        ({"bbox": ["1", 2, 3, 4]}, "has annotations[0], which has no bbox of four numbers"),
        ({"image_id": None}, "has annotations[0], which has no image_id"),
        ({"image_id": [1]}, "has annotations[0], which has no image_id"),
        ({"image_id": 77}, "refers in annotations[0] to the image 77, which images lacks"),
        ({"image_id": "x\x00\ud800"}, "refers in annotations[0] to the image 'x??', which images lacks"),
        ({"category_id": 9}, "refers in annotations[0] to the category 9, which categories lacks"),
        ({"category_id": -1}, "has annotations[0], which has no category_id"),
        ({"category_id": 1.5}, "has annotations[0], which has no category_id"),
        ({"iscrowd": 2}, "has annotations[0], which has an iscrowd that is neither 0 nor 1"),
    ],
)
def test_what_cannot_be_learnt_is_an_error(report, tmp_path, fields, fault):
    found = report(edited(first(**fields)))
    assert [(file, message[: len(fault)]) for file, message in errors(found)] == [(ANNOTATIONS, fault)]
    with pytest.raises(DatasetError, match=r"annotations\.json: "):
        CocoData.open(tmp_path / "cache")


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        ([5, 5, 0, 10], "a box of no width or height: it is left out ([5, 5, 0, 10] in 96 x 64)"),
        ([50, 5, -20, 10], "a box of no width or height: it is left out ([50, 5, -20, 10] in 96 x 64)"),
        ([100, 5, 20, 10], "a box outside its image: it is left out ([100, 5, 20, 10] in 96 x 64)"),
        ([90, 5, 20, 10], "a box that leaves its image: it is cut at the edge ([90, 5, 20, 10] in 96 x 64)"),
    ],
)
def test_boxes_that_do_not_fit_are_left_out_or_cut(report, tmp_path, box, fault):
    found = report(edited(first(bbox=box)))
    (told,) = [
        message for file, message in warnings(found) if file == ANNOTATIONS and "annotations[0]" in message
    ]
    assert told.replace(".0", "") == f"has in annotations[0] {fault}"
    read = CocoData.open(tmp_path / "cache").annotated
    assert (read.boxes[:, :2] >= 0).all()
    assert (read.boxes[:, 2:] <= read.sizes()).all()
    assert (read.boxes[:, 2:] > read.boxes[:, :2]).all()
    assert (0 in read.places) == ("cut" in fault)


def test_boxes_in_parts_of_images_are_refused(report):
    def relative(whole):
        for one in whole["annotations"]:
            one["bbox"] = [edge / 100 for edge in one["bbox"]]

    assert (ANNOTATIONS, "has boxes in parts of their images: none reaches beyond 1") in errors(
        report(edited(relative))
    )


def test_a_little_beyond_the_edge_is_nothing_to_speak_of(report):
    assert report(edited(first(bbox=[-1.5, 3, 20, 20]))).findings == ()


@pytest.mark.parametrize(
    ("change", "file", "fault"),
    [
        (
            lambda whole: whole["images"].append({"id": 9, "file_name": "none.png"}),
            "images.tar.gz",
            "holds no 'none.png', which annotations.json lists",
        ),
        (
            lambda whole: whole["images"].append(dict(whole["images"][0])),
            ANNOTATIONS,
            "gives the id 1 in images[4] to a second image",
        ),
        (
            lambda whole: whole["images"].append(whole["images"][0] | {"id": 8}),
            ANNOTATIONS,
            "lists '0_0000.png' and '0_0000.png', for which images.tar.gz holds one file",
        ),
        (
            lambda whole: whole["images"][0].update(width=64, height=96),
            "images.tar.gz/images/0_0000.png",
            "is 96 x 64, and annotations.json says 64 x 96",
        ),
        (
            lambda whole: whole["images"][0].update(width=-1),
            ANNOTATIONS,
            "has in images[0] an image whose width and height are no numbers of pixels",
        ),
        (
            lambda whole: whole["images"][0].update(width=1_000_000, height=1_000_000),
            ANNOTATIONS,
            "has in images[0] an image of more pixels than are safe to open",
        ),
        (
            lambda whole: whole["categories"].append({"id": 1, "name": "again"}),
            ANNOTATIONS,
            "has in categories[3] a second category of the id 1 or the name 'again'",
        ),
        (
            lambda whole: whole["categories"].append({"id": 7, "name": "one"}),
            ANNOTATIONS,
            "has in categories[3] a second category of the id 7 or the name 'one'",
        ),
        (
            lambda whole: whole["categories"].append({"id": 7, "name": ""}),
            ANNOTATIONS,
            "has in categories[3] a category without a printable name",
        ),
        (lambda whole: whole.update(annotations=[]), ANNOTATIONS, "has no annotation that can be used"),
        (lambda whole: whole.update(annotations={}), ANNOTATIONS, "has annotations that are no list"),
        (lambda whole: whole.pop("categories"), ANNOTATIONS, "lists no category"),
    ],
)
def test_images_and_categories_must_agree_with_the_files(report, change, file, fault):
    assert (file, fault) in errors(report(edited(change)))


def test_what_is_told_does_not_forbid_the_use(report):
    def change(whole):
        gone = whole["images"][3]["id"]
        whole["annotations"] = [one for one in whole["annotations"] if one["image_id"] != gone]
        whole["annotations"][0]["id"] = whole["annotations"][1]["id"]
        whole["images"].pop(0)
        whole["annotations"] = [one for one in whole["annotations"] if one["image_id"] != 1]
        whole["annotations"][1]["id"] = whole["annotations"][0]["id"]
        whole["categories"].append({"id": 5, "name": "five"})

    found = report(edited(change))
    assert found.valid
    assert set(warnings(found)) == {
        ("images.tar.gz/images/0_0000.png", "is not listed in annotations.json and is left out"),
        (ANNOTATIONS, "has 1 images without an annotation: they are taken as background"),
        (ANNOTATIONS, "has no annotation of the class 'five'"),
        (ANNOTATIONS, "gives 1 annotations the id of another one: they are numbered anew"),
    }


def test_sizes_that_are_not_declared_are_measured(report, tmp_path):
    def change(whole):
        for image in whole["images"]:
            image.pop("width")

    assert report(edited(change)).findings == ()
    assert {(one.width, one.height) for one in CocoData.open(tmp_path / "cache").annotated.images} == {
        (96, 64)
    }


def test_images_may_be_named_by_paths_of_another_machine(report, tmp_path):
    def change(whole):
        for place, image in enumerate(whole["images"]):
            image["file_name"] = ("/home/x/set/", "./", "images\\", "a/b/")[place] + image["file_name"]
            image["id"] = f"name {place}"
        for one in whole["annotations"]:
            one["image_id"] = f"name {one['image_id'] - 1}"

    assert report(edited(change)).findings == ()
    assert [path.name for path in CocoData.open(tmp_path / "cache").paths] == [one.name for one in PICTURES]


@pytest.mark.parametrize(
    "name", ["../../files/annotations.json", "/etc/passwd", "..", "", "\x00", "a" * 9000]
)
def test_names_lead_nowhere_else(report, name):
    found = report(edited(lambda whole: whole["images"][0].update(file_name=name)))
    assert errors(found)
    assert not found.valid


@pytest.mark.parametrize(
    ("mask", "fault"),
    [
        ([[1, 1, 2, 2, 3]], "has a polygon that is no list of x1, y1, x2, y2, ..."),
        ([[1, 1, 2, 2, 3, "x"]], "has a polygon with something else than numbers of pixels"),
        ({"size": [64, 96], "counts": [5]}, "has an RLE whose counts add up to 5, not to 64 x 96"),
        ({"size": [64, 96], "counts": "~~"}, "has an RLE whose counts are no compressed text of COCO's"),
        ("mask.png", "has a segmentation that is neither polygons nor RLE"),
    ],
)
def test_masks_must_be_well_formed(report, mask, fault):
    found = report(edited(first(segmentation=mask), "polygons"), MASKS)
    assert errors(found) == [(ANNOTATIONS, f"has annotations[0], which {fault}")]
    assert report(edited(first(segmentation=mask), "polygons"), DETECTION).findings == ()


def test_a_mask_must_have_the_size_of_its_image(report):
    mask = {"size": [96, 64], "counts": [0, 96 * 64]}
    ((file, message),) = errors(report(edited(first(segmentation=mask), "rle"), MASKS))
    assert file == ANNOTATIONS
    assert message.endswith("an RLE of another size than its image '0_0000.png', which is 96 x 64")


def test_masks_and_boxes_that_differ_are_told(report):
    far, nowhere = [[60, 30, 90, 30, 90, 60, 60, 60]], [[-9, -9, -2, -9, -2, -2]]
    files = edited(first(segmentation=far, bbox=[1, 1, 20, 20]), "polygons")
    ((_, message),) = warnings(report(files, MASKS))
    assert message == (
        "has in annotations[0] a mask that reaches over [60, 30, 90, 60], "
        "and the box [1.0, 1.0, 21.0, 21.0] (x1, y1, x2, y2)"
    )
    ((_, message),) = warnings(report(edited(first(segmentation=nowhere), "polygons"), MASKS))
    assert message == "has in annotations[0] a mask that covers no pixel of its image"


@pytest.mark.parametrize(
    "labels",
    [
        [
            {"id": 1, "name": "zero"},
            {"id": 2, "name": "one"},
            {"id": 3, "name": "two"},
            {"id": 4, "name": "x"},
        ],
        {"1": "zero", "2": "one", "3": "two"},
        {"zero": 1, "one": 2, "two": 3},
    ],
)
def test_label_maps_are_written_in_several_ways(report, labels):
    files = coco(PICTURES, "rle") | {"label_map.json": json.dumps(labels).encode()}
    assert report(files, MASKS).findings == ()


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (b'{"1": "zero", "3": "two"}', "lacks the category 2 ('one') of the annotations"),
        (b"[]", "is no list of classes"),
        (b'[{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]', "gives the id 0 to 2 classes"),
        (b'[{"id": 0, "name": "a"}, {"id": 1, "name": "a"}]', "gives the name 'a' to 2 classes"),
        (b'[{"id": 0, "name": "a", "color": [1, 2]}]', "has entry 0, which has a color that is no list"),
        (b'[{"id": 0, "name": "a", "isthing": 3}]', "has entry 0, which has an isthing"),
        (b'{"a": true}', "has entry 0, which has no id"),
        (b"[" * 100_000, "is nested too deep"),
    ],
)
def test_label_maps_must_name_the_categories(report, labels, fault):
    found = errors(report(coco(PICTURES, "rle") | {"label_map.json": labels}, MASKS))
    assert [(file, message[: len(fault)]) for file, message in found] == [("label_map.json", fault)]


def test_an_image_that_is_broken_is_an_error(report):
    files = coco(PICTURES)
    broken = {
        f"images/{one.name}": encoded(one.pixels)[: 200 if place else 40]
        for place, one in enumerate(PICTURES)
    }
    found = report(files | {"images.tar.gz": archive(broken)})
    assert {file for file, _ in errors(found)} == {f"images.tar.gz/{name}" for name in broken}


def test_nothing_but_images_is_enough_to_predict_on(report):
    files = edited(lambda whole: whole.update(annotations=[]))
    assert report(files, intents=("testing",)).findings == ()


@any_file
@given(st.binary(max_size=80) | st.text('{}[]:,"0 1-.eimages', max_size=80).map(str.encode))
def test_any_bytes_give_a_report(tmp_path_factory, data):
    files = coco(PICTURES[:1], "polygons") | {ANNOTATIONS: data}
    found = look(tmp_path_factory.mktemp("any"), *MASKS, files)
    assert not found.valid
    assert errors(found)
    assert found.model_dump_json()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@any_file
@given(
    st.sampled_from(["images", "annotations", "categories"]),
    st.sampled_from(
        ["id", "file_name", "width", "image_id", "category_id", "bbox", "segmentation", "iscrowd", "name"]
    ),
    json_values,
)
def test_any_value_gives_a_set_or_findings(tmp_path, key, field, value):
    files = edited(lambda whole: whole[key][0].update({field: value}), "rle")
    path = tmp_path / ANNOTATIONS
    path.write_bytes(files[ANNOTATIONS])
    findings = Findings()
    assert is_read_or_refused(lambda path: parse_coco(path, findings, masks=True), path)
    for finding in findings.all():
        assert finding.remedy
        assert finding.model_dump_json()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["images", "annotations", "categories"]),
    st.sampled_from(
        ["file_name", "width", "height", "image_id", "category_id", "bbox", "segmentation", "area"]
    ),
    json_values | st.lists(st.floats(-50, 150), min_size=4, max_size=4),
)
def test_what_passes_can_be_read_to_the_end(tmp_path_factory, key, field, value):
    files = edited(lambda whole: whole[key][0].update({field: value}), "polygons")
    root = tmp_path_factory.mktemp("any")
    if look(root, *MASKS, files, ["training"]).valid:
        read = CocoData.open(root / "cache", masks=True).annotated
        masks = [read.mask(row) for row in range(len(read))]
        assert len(masks) > 0
        assert all(mask is not None for mask in masks)
        assert np.isfinite(read.boxes).all()
