"""Datasets of images and videos without labels: raw ones, and what any image may be."""

import pytest
from tests.data.looking import errors, look, warnings
from tests.data.media_files import HDF5, MP4
from tests.data.pet_data import archive, png

from tunesmith.data.layouts import layout_for

BROKEN = b"\x89PNG broken"


@pytest.fixture
def report(tmp_path):
    def run(pair, files, intents=()):
        dataset_type, dataset_format = pair.split("/")
        return look(tmp_path, dataset_type, dataset_format, files, intents)

    return run


@pytest.mark.shows("dataset vlm/raw")
def test_raw_images_and_videos_are_found_anywhere(report):
    files = {
        "a.png": png(),
        "deep/er/B.PNG": png(),
        "clip.mp4": MP4,
        "more.tar.gz": archive({"x/c.png": png()}),
    }
    found = report("vlm/raw", files, ["testing"])
    assert found.findings == ()
    assert found.counts == found.counts | {"images": 3, "videos": 1, "decoded": 3, "files": 4}


def test_raw_files_are_for_testing_alone(report):
    ((file, message),) = errors(report("vlm/raw", {"a.png": png()}, ["training"]))
    assert (file, "not possible" in message) == ("use_for", True)


def test_broken_raw_files_are_errors(report):
    files = {"a.png": BROKEN, "in.zip.tar": archive({"b.mp4": b"text"}), "c.webm": b""}
    assert sorted(errors(report("vlm/raw", files))) == [
        ("a.png", "is not an image of a known kind"),
        ("c.webm", "is empty"),
        ("in.zip.tar/b.mp4", "has no header (moov): it is no MP4 file, or is cut off"),
    ]


def test_what_is_neither_is_left_out_with_a_warning(report):
    found = report("vlm/raw", {"a.tar": archive({"a.png": png(), "notes.txt": b"hello"}), "readme.md": b""})
    assert found.valid
    assert warnings(found) == [("a.tar/notes.txt", "is left out")]


@pytest.mark.parametrize("pair", ["vlm/raw", "not_restricted/default", "maxine_dataset/raw"])
def test_without_any_such_file_there_is_no_dataset(report, pair):
    ((file, message),) = errors(report(pair, {"readme.md": b"hello"}))
    assert file.startswith(("an image", "an .mp4"))
    assert message == "is missing"


@pytest.mark.parametrize("pair", ["vlm/raw", "not_restricted/default"])
def test_an_archive_without_any_is_an_error(report, pair):
    assert errors(report(pair, {"a.zip.tar": archive({"b.txt": b""})})) == [
        ("the dataset", "holds no image or video that is used")
    ]


def test_archives_for_one_folder_are_refused(report):
    whole = archive({"1.png": png()})
    found = report("vlm/raw", {"a.tar.gz": whole, "a.tgz": whole, "b.tar": whole, "b/c.tar": whole})
    assert errors(found) == [
        ("a.tgz", "would be unpacked into the folder of a.tar.gz"),
        ("b/c.tar", "would be unpacked into the folder of b.tar"),
    ]


@pytest.mark.shows("dataset not_restricted/default")
def test_broken_images_are_warnings_where_they_are_looked_for(report):
    files = {"a.png": png(), "b.png": BROKEN, "c.tar": archive({"d.jpg": b""}), "clip.mp4": MP4}
    found = report("not_restricted/default", files, ["testing"])
    assert found.valid
    assert sorted(warnings(found)) == [
        ("b.png", "is not an image of a known kind"),
        ("c.tar/d.jpg", "is not an image of a known kind"),
    ]
    assert found.counts == found.counts | {"images": 3, "videos": 0, "decoded": 3}


@pytest.mark.shows("dataset maxine_dataset/raw")
def test_videos_of_faces_are_looked_at(report):
    found = report("maxine_dataset/raw", {"a.mp4": MP4, "more/b.mp4": MP4, "face.png": BROKEN}, ["training"])
    assert found.findings == ()
    assert found.counts == found.counts | {"videos": 2, "images": 0, "files": 2}


def test_videos_of_faces_must_be_whole(report):
    assert errors(report("maxine_dataset/raw", {"a.mp4": MP4[:-50]})) == [
        ("a.mp4", "is cut off, or is no MP4 file")
    ]


@pytest.mark.shows("dataset maxine_dataset/maxine_gaze")
@pytest.mark.parametrize("version", HDF5)
def test_hdf5_is_whole_and_the_report_says_what_was_not_read(report, version):
    found = report("maxine_dataset/maxine_gaze", {"data.h5": HDF5[version]}, ["training", "evaluation"])
    assert found.valid
    assert "what is in it was not looked at" in warnings(found)[0][1]
    assert found.counts["hdf5"] == {"superblock": version}


def test_hdf5_that_is_cut_off_is_an_error(report):
    ((file, message),) = errors(report("maxine_dataset/maxine_gaze", {"data.h5": HDF5[0][:900]}))
    assert (file, message) == ("data.h5", "is cut off: it has 900 of 2072 bytes")


def test_a_missing_kind_is_named_in_words():
    (finding,) = layout_for("vlm", "raw").missing(["x/readme.md"])
    assert finding.file == "an image, a video, or an archive of them"
    assert finding.remedy == "Upload it to the folder that cloud_file_path names."
