"""Texts in images: regions of eight numbers, and what lies outside."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.digit_images import picture
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive
from tests.data.scene_data import texts

from tunesmith.data.icdar import IcdarData, read_regions, visible

GT = "train/gt/gt_img_0.txt"


@pytest.fixture
def report(tmp_path):
    def run(files=None, intents=("training",), **options):
        return look(tmp_path, "ocdnet", "default", files or texts(), intents, **options)

    return run


def one(line: str | bytes):
    return texts(changes={GT: line if isinstance(line, bytes) else line.encode()})


@pytest.mark.shows("dataset ocdnet/default")
def test_a_whole_dataset_is_counted(report, tmp_path):
    found = report()
    assert found.findings == ()
    assert found.counts["images"] == {"train": 3}
    assert found.counts["regions"] == {"train": {"texts": 3, "ignored": 3}}
    samples = IcdarData.open(tmp_path / "cache").samples("train")
    text, ignored = read_regions(samples[1].regions)
    assert (text.text, text.corners) == ("11", ((7, 10), (39, 10), (39, 26), (7, 26)))
    assert (text.ignored, ignored.ignored, text.area) == (False, True, 32 * 16)


def test_images_of_the_test_split_may_come_in_an_archive_of_their_own(report, tmp_path):
    whole = texts(split="test")
    images = {f"img/img_{index}.jpg": picture(index, size=64, kind="JPEG") for index in range(3)}
    found = report(whole | {"test/img.tar.gz": archive(images)}, ["evaluation"])
    assert found.valid
    assert found.counts["images"] == {"test": 3}
    assert len(IcdarData.open(tmp_path / "cache").samples("train")) == 3


@pytest.mark.parametrize("kept", ["test.tar.gz", "test/img.tar.gz"])
def test_the_test_split_needs_both_archives(report, kept):
    files = texts(split="test") | {"test/img.tar.gz": archive({"1.png": picture(1)})}
    missing = errors(report({kept: files[kept]}, ["evaluation"]))
    assert [message for _, message in missing] == ["is missing"]


@pytest.mark.parametrize("names", [("img_{0}.jpg", "gt_img_{0}.txt"), ("a/{0}.png", "b/{0}.txt")])
def test_folders_and_the_prefix_do_not_matter(report, names):
    image, regions = names
    members = {image.format(index): picture(index, size=64) for index in range(2)}
    members |= {regions.format(index): b"1,1,9,1,9,9,1,9,hi\n" for index in range(2)}
    assert report({"train.tar.gz": archive(members)}).findings == ()


@pytest.mark.parametrize(
    "line",
    [
        "\ufeff1,1,9,1,9,9,1,9,a,b\r\n\r\n",
        "1.5, 1,9,1 ,9,9,1,9,a,b",
        "1,1,9,1,9,9,1,9,a,b\n",
        "1,1,9,1,9,9,1,9",
    ],
)
def test_line_ends_spaces_commas_and_marks_do_no_harm(report, line):
    found = report(one(line))
    assert found.findings == ()
    assert found.counts["regions"] == {"train": {"texts": 3, "ignored": 2}}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1,1,9,1,9,9", "has no eight (sensible) numbers in line 1"),
        ("1,1,9,1,9,9,1,9,a\nhello\n", "has no eight (sensible) numbers in line 2"),
        ("1,1,9,1,9,9,1,nan,a", "has no eight (sensible) numbers in line 1"),
        ("1,1,9,1,9,9,1,1e300,a", "has no eight (sensible) numbers in line 1"),
        ("1," * 9000, "has more than 10000 characters in line 1"),
        (b"\xff\xfe1\x00,\x00", "is not UTF-8 text (after line 0)"),
    ],
)
def test_lines_that_are_no_region_are_errors(report, line, fault):
    assert errors(report(one(line))) == [(f"train.tar.gz/{GT}", fault)]


@pytest.mark.parametrize(
    ("line", "fault", "texts_left"),
    [
        ("5,5,5,5,5,5,5,5,a", "has a region of no area in line 1: it is left out", 2),
        (
            "100,1,120,1,120,9,100,9,a",
            "has a region outside its image of 64 x 64 in line 1: it is left out",
            2,
        ),
        (
            "50,1,80,1,80,9,50,9,a",
            "has a region that leaves its image of 64 x 64 in line 1: it is cut at the edge",
            3,
        ),
        ("-1,0,9,0,9,9,-1,9,a", None, 3),
    ],
)
def test_regions_outside_their_image_are_told(report, line, fault, texts_left):
    found = report(one(line))
    assert found.valid
    assert [message for _, message in warnings(found)] == [fault] * bool(fault)
    assert found.counts["regions"]["train"]["texts"] == texts_left


def test_regions_are_cut_at_the_edge(tmp_path):
    path = tmp_path / "gt_1.txt"
    path.write_text("50,1,80,1,80,9,50,9,a\n100,1,120,1,120,9,100,9,b\n")
    (cut,) = visible(read_regions(path), 64, 64)
    assert cut.corners == ((50, 1), (64, 1), (64, 9), (50, 9))


def test_what_has_no_partner_is_left_out(report):
    found = report(texts(changes={GT: None, "train/gt/gt_other.txt": b"1,1,9,1,9,9,1,9,a"}))
    assert warnings(found) == [
        ("train.tar.gz/train/img/img_0.jpg", "has no file of regions and is left out"),
        ("train.tar.gz/train/gt/gt_other.txt", "has no image and is left out"),
    ]


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"1.jpg": picture(1)}, "holds no image with regions"),
        ({"1.jpg": picture(1), "gt_1.txt": b"1,1,9,1,9,9,1,9,###"}, "has no text to find"),
        ({"1.jpg": picture(1), "gt_1.txt": b""}, "has no text to find"),
        ({"notes.txt": b"hello"}, "holds no image with regions"),
    ],
)
def test_nothing_to_find_is_an_error(report, members, fault):
    found = report({"train.tar.gz": archive(members)})
    assert errors(found)[0][0] == "train.tar.gz"
    assert fault in errors(found)[0][1]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100) | st.text("0123456789.,-e\n#a", max_size=80).map(str.encode))
def test_any_regions_are_read_or_refused(tmp_path, data):
    path = tmp_path / "gt_1.txt"
    path.write_bytes(data)
    assert is_read_or_refused(read_regions, path)
