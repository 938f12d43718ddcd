"""KITTI's labels of objects in images: files that match, columns that are numbers, boxes that fit."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.detection_data import Files, count_of, kitti, scenes
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive

from tunesmith.data.errors import DatasetError
from tunesmith.data.kitti import KittiData, read_boxes, visible

PICTURES = scenes(4)
WHOLE = kitti(PICTURES)
FIRST = PICTURES[0].stem
LABEL = f"labels.tar.gz/{FIRST}.txt"


@pytest.fixture
def report(tmp_path):
    def run(files=WHOLE, intents=("training", "evaluation")):
        return look(tmp_path, "object_detection", "kitti", files, intents)

    return run


def labelled(*lines: str) -> Files:
    """The scenes, the first of them with these lines as its label, the others with a car each."""
    labels = {f"{scene.stem}.txt": f"{line()}\n".encode() for scene in PICTURES[1:]}
    labels[f"{FIRST}.txt"] = "\n".join(lines).encode()
    return WHOLE | {"labels.tar.gz": archive(labels)}


def line(name: str = "car", box: str = "10 10 30 40", head: str = "0 0 0", tail: str = 7 * " 0") -> str:
    return f"{name} {head} {box}{tail}"


@pytest.mark.shows("dataset object_detection/kitti")
@pytest.mark.parametrize("top", ["labels/", "training/label_2/", ""])
def test_a_whole_dataset_is_counted(report, tmp_path, top):
    found = report(kitti(PICTURES, top))
    assert found.findings == ()
    assert found.counts["images"] == {"all": 4, "labelled": 4}
    assert found.counts["classes"] == {"labels.tar.gz": count_of(PICTURES)}
    samples = KittiData.open(tmp_path / "cache").samples()
    assert [sample.path.stem for sample in samples] == [scene.stem for scene in PICTURES]
    for sample, scene in zip(samples, PICTURES, strict=True):
        objects = read_boxes(sample.labels)
        assert [one.name for one in objects] == [one.name for one in scene.drawn]
        assert [one.box for one in objects] == [one.box for one in scene.drawn]


def test_predictions_have_a_score(tmp_path):
    (tmp_path / "1.txt").write_text(f"{line()} 0.75\r\n\r\n{line('bus')}\r\n")
    car, bus = read_boxes(tmp_path / "1.txt")
    assert (car.score, bus.score) == (0.75, None)
    assert (bus.name, bus.line) == ("bus", 3)


def test_regions_to_ignore_are_no_objects(report):
    found = report(
        labelled(line(), line("DontCare", head="-1 -1 -10", tail=" -1 -1 -1 -1000 -1000 -1000 -10"))
    )
    assert found.findings == ()
    assert (found.counts["annotations"], found.counts["ignored"]) == (4, 1)


def test_an_empty_label_says_that_nothing_is_to_be_found(report):
    found = report(labelled(""))
    assert errors(found) == []
    assert warnings(found) == [
        ("labels.tar.gz", "has 1 images without an annotation: they are taken as background")
    ]


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("car 0 0 0 1 2 3 4", "has 8 columns in line 2, not a class and 14 or 15 numbers"),
        (f"{line()} 1 2", "has 17 columns in line 2, not a class and 14 or 15 numbers"),
        (line(box="1 2 x 4"), "has a value that is no (sensible) number in line 2"),
        (line(box="1 2 nan 4"), "has a value that is no (sensible) number in line 2"),
        (line(box="1 2 1e9 4"), "has a value that is no (sensible) number in line 2"),
        (line(head="inf 0 0"), "has a value that is no (sensible) number in line 2"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(report, wrong, fault):
    assert errors(report(labelled(line(), wrong))) == [(LABEL, fault)]


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        ("10 10 10 40", "has in line 2 a box of no width or height, or upside down: it is left out"),
        ("30 40 10 10", "has in line 2 a box of no width or height, or upside down: it is left out"),
        ("100 10 120 40", "has in line 2 a box outside its image of 96 x 64: it is left out"),
        ("80 10 120 40", "has in line 2 a box that leaves its image of 96 x 64: it is cut at the edge"),
    ],
)
def test_boxes_that_do_not_fit_are_told_and_fitted(report, tmp_path, box, fault):
    found = report(labelled(line(), line("bus", box)))
    assert errors(found) == []
    ((file, message),) = warnings(found)
    assert file == LABEL
    assert message.startswith(fault)
    sample = KittiData.open(tmp_path / "cache").samples()[0]
    kept = visible(read_boxes(sample.labels), 96, 64)
    assert [one.box for one in kept if one.name == "bus"] == ([(80, 10, 96, 40)] if "cut" in fault else [])


def test_boxes_in_parts_of_their_images_are_refused(report):
    labels = {f"{scene.stem}.txt": line(box="0.1 0.2 0.5 0.6").encode() for scene in PICTURES}
    found = errors(report(WHOLE | {"labels.tar.gz": archive(labels)}))
    assert ("labels.tar.gz", "has boxes in parts of their images: none reaches beyond 1") in found


def test_a_label_without_its_image_is_an_error(report):
    files = WHOLE | {"images.tar.gz": kitti(PICTURES[1:])["images.tar.gz"]}
    assert errors(report(files)) == [(f"labels.tar.gz/labels/{FIRST}.txt", "has no image")]


@pytest.mark.parametrize(("intents", "told"), [(["training"], True), (["testing"], False)])
def test_an_image_without_a_label_is_left_out(report, tmp_path, intents, told):
    found = report(WHOLE | {"labels.tar.gz": kitti(PICTURES[1:])["labels.tar.gz"]}, intents)
    assert errors(found) == []
    member = f"images.tar.gz/images/{PICTURES[0].name}"
    assert warnings(found) == ([(member, "has no label file and is left out")] if told else [])
    assert len(KittiData.open(tmp_path / "cache").samples()) == 3


def test_a_class_that_is_spelled_in_two_ways_is_told(report):
    fault = "writes a class as 'Car' and 'car': these are taken as several"
    assert warnings(report(labelled(line("Car")))) == [("labels.tar.gz", fault)]


def test_without_labels_of_images_there_is_nothing_to_read(report, tmp_path):
    found = report(WHOLE | {"labels.tar.gz": archive({"readme.md": b"none"})})
    assert ("labels.tar.gz", "has no annotation that can be used") in errors(found)
    with pytest.raises(DatasetError, match="holds no label file of an image"):
        KittiData.open(tmp_path / "cache").samples()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=80),
        st.text(max_size=80).map(lambda text: f"{line(text)}".encode("utf-8", "replace")),
    )
)
def test_any_label_is_read_or_refused(tmp_path, data):
    path = tmp_path / "label.txt"
    path.write_bytes(data)
    assert is_read_or_refused(read_boxes, path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_label_gives_a_report(tmp_path_factory, data):
    files = WHOLE | {
        "labels.tar.gz": archive({f"{FIRST}.txt": data, f"{PICTURES[1].stem}.txt": line().encode()})
    }
    found = look(tmp_path_factory.mktemp("any"), "object_detection", "kitti", files)
    assert found.valid is not bool(errors(found))
