"""ODVG: a JSON line an image, with boxes of classes, or of phrases in a caption; with masks perhaps."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.detection_data import Files, count_of, odvg, scenes
from tests.data.looking import errors, look, warnings

from tunesmith.data.errors import DatasetError
from tunesmith.data.odvg import ANNOTATIONS, LABEL_MAP, OdvgData

PICTURES = scenes(4)
WHOLE = odvg(PICTURES)
Line = dict[str, Any]


@pytest.fixture
def report(tmp_path):
    def run(files=WHOLE, kind="object_detection"):
        return look(tmp_path, kind, "odvg", files, ["training", "evaluation"])

    return run


def with_line(change: Callable[[Line], object], files: Files = WHOLE, number: int = 2) -> Files:
    """The files with one of their lines changed."""
    lines = files[ANNOTATIONS].splitlines()
    value = json.loads(lines[number - 1])
    change(value)
    lines[number - 1] = json.dumps(value).encode()
    return files | {ANNOTATIONS: b"\n".join(lines)}


@pytest.mark.shows("dataset object_detection/odvg")
def test_boxes_of_classes_are_counted(report, tmp_path):
    found = report()
    assert found.findings == ()
    assert found.counts["images"] == {"listed": 4, "annotated": 4, "unlisted": 0}
    assert found.counts["lines"] == {"detection": 4, "grounding": 0}
    assert found.counts["classes"] == {ANNOTATIONS: count_of(PICTURES)}
    data = OdvgData.open(tmp_path / "cache")
    assert len(data) == 4
    sample = data[2]
    assert sample.path.name == PICTURES[2].name
    assert [one.phrase for one in sample.image.objects] == [one.name for one in PICTURES[2].drawn]
    assert [one.box for one in sample.image.objects] == [one.box for one in PICTURES[2].drawn]


def test_boxes_of_phrases_are_counted(report, tmp_path):
    found = report(odvg(PICTURES, grounded=True))
    assert found.findings == ()
    assert found.counts["lines"] == {"detection": 0, "grounding": 4}
    assert found.counts["phrases"] == {f"a {name}": count for name, count in count_of(PICTURES).items()}
    image = OdvgData.open(tmp_path / "cache")[1].image
    assert image.caption
    for one in image.objects:
        assert [image.caption[start:stop] for start, stop in one.spans] == [one.phrase]


@pytest.mark.shows("dataset segmentation/odvg")
@pytest.mark.parametrize("masks", ["polygons", "rle", "counts"])
@pytest.mark.parametrize("grounded", [True, False])
def test_masks_are_those_that_were_drawn(report, tmp_path, masks, grounded):
    found = report(odvg(PICTURES, grounded, masks), "segmentation")
    assert found.findings == ()
    assert found.counts["masks"] == found.counts["annotations"] == sum(count_of(PICTURES).values())
    image = OdvgData.open(tmp_path / "cache", masks=True)[2].image
    for one, drawn in zip(image.objects, PICTURES[2].drawn, strict=True):
        mask = image.mask(one)
        assert mask is not None
        assert (mask == drawn.mask).all()


def test_without_masks_there_is_nothing_to_segment(report):
    assert (ANNOTATIONS, "has no annotation that can be used") in errors(report(WHOLE, "segmentation"))


def test_without_images_nothing_can_be_learnt(report):
    files = {name: data for name, data in odvg(PICTURES, masks="rle").items() if name != "images.tar.gz"}
    assert errors(report(files, "segmentation"))[0][0] == "images.tar.gz"


def first(line: Line) -> Line:
    return line["detection"]["instances"][0]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda line: line.pop("file_name"), "has in line 2 no file_name"),
        (lambda line: line.update(width="96"), "has in line 2 no width and height in pixels"),
        (lambda line: line.update(height=0), "has in line 2 no width and height in pixels"),
        (lambda line: line.update(grounding={"caption": "x"}), "has in line 2 both detection and grounding"),
        (lambda line: line.update(detection=[1]), "has in line 2 a detection or grounding that is no object"),
        (
            lambda line: line.update(detection={"instances": {}}) or line["detection"].update(instances=3),
            "has in line 2 instances that are no list",
        ),
        (lambda line: first(line).pop("bbox"), "has in line 2 instances[0] without a bbox of four numbers"),
        (
            lambda line: first(line).update(bbox=[0, 0, float("nan"), 5]),
            "has in line 2 instances[0] without a bbox of four numbers",
        ),
        (
            lambda line: first(line).update(label=7),
            "has in line 2 instances[0] with a label that is not in the label map",
        ),
        (
            lambda line: first(line).update(label=True),
            "has in line 2 instances[0] with a label that is not in the label map",
        ),
    ],
)
def test_what_is_wrong_with_a_line_is_said(report, change, fault):
    assert errors(report(with_line(change))) == [(ANNOTATIONS, fault)]


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        ([9, 9, 9, 20], "has in line 2 a box of no width or height, or upside down: it is left out"),
        ([9, 20, 19, 10], "has in line 2 a box of no width or height, or upside down: it is left out"),
        ([200, 0, 210, 9], "has in line 2 a box outside its image: it is left out"),
        ([50, 0, 120, 50], "has in line 2 a box that leaves its image: it is cut at the edge"),
    ],
)
def test_boxes_that_do_not_fit_are_told_and_fitted(report, tmp_path, box, fault):
    found = report(with_line(lambda line: first(line).update(bbox=box)))
    assert errors(found) == []
    ((file, message),) = warnings(found)
    assert file == ANNOTATIONS
    assert message.startswith(fault)
    for one in OdvgData.open(tmp_path / "cache")[1].image.objects:
        left, top, right, bottom = one.box
        assert 0 <= left < right <= 96
        assert 0 <= top < bottom <= 64


def test_a_phrase_must_stand_in_its_caption(report):
    files = with_line(
        lambda line: line["grounding"]["regions"][0].update(phrase="a dog"), odvg(PICTURES, grounded=True)
    )
    ((_, message),) = warnings(report(files))
    assert message == (
        "has in line 2 regions[0], whose phrase 'a dog' its caption does not have: it is left out"
    )


def test_images_and_lines_must_match(report):
    lines = b"\n".join(WHOLE[ANNOTATIONS].splitlines()[1:])
    assert warnings(report(WHOLE | {ANNOTATIONS: lines}))[-1] == (
        f"images.tar.gz/images/{PICTURES[0].name}",
        "is not listed in annotations_odvg.jsonl and is left out",
    )


def test_a_line_without_its_image_is_an_error(report, tmp_path):
    found = report(with_line(lambda line: line.update(file_name="other.png")))
    fault = "holds no 'other.png', which line 2 of annotations_odvg.jsonl names"
    assert errors(found) == [("images.tar.gz", fault)]
    with pytest.raises(DatasetError, match="holds no image of line 2"):
        OdvgData.open(tmp_path / "cache")[1]


def test_declared_sizes_are_compared_with_the_images(report):
    found = report(with_line(lambda line: line.update(width=64, height=96)))
    assert errors(found)[0] == (
        f"images.tar.gz/images/{PICTURES[1].name}",
        "is 96 x 64, and annotations_odvg.jsonl says 64 x 96",
    )


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\n\n", b"[]", b"{", b"3\n4\n", b"\xff\xfe", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"],
)
@pytest.mark.parametrize("name", [ANNOTATIONS, LABEL_MAP])
def test_a_file_that_is_none_is_refused(report, name, damaged):
    assert errors(report(WHOLE | {name: damaged}))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([ANNOTATIONS, LABEL_MAP]), st.binary(max_size=60), st.integers(0, 1500))
def test_any_bytes_give_a_report(tmp_path_factory, name, junk, keep):
    files = WHOLE | {name: WHOLE[name][:keep] + junk + WHOLE[name][keep + len(junk) :]}
    root = tmp_path_factory.mktemp("any")
    found = look(root, "object_detection", "odvg", files)
    assert found.valid is not bool(errors(found))
    if found.valid:
        data = OdvgData.open(root / "cache")
        assert all(data[index].path.exists() for index in range(len(data)))
