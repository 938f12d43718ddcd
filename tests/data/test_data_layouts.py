from dataclasses import replace

import pytest

from tunesmith.data.errors import DatasetError
from tunesmith.data.layout import Need, archive_stem
from tunesmith.data.layouts import layout_for, layouts
from tunesmith.data.types import DATASET_TYPES, formats_of

PYT = ("image_classification", "classification_pyt")


def missing(keys, intents=(), pair=PYT):
    return [(finding.file, finding.remedy) for finding in layout_for(*pair).missing(keys, intents)]


def test_one_split_and_the_class_list_are_enough():
    for split in ("train", "val", "test"):
        assert missing([f"images_{split}.tar.gz", "classes.txt", "README"]) == []


def test_what_is_missing_is_named_with_where_it_belongs():
    (images, _), (classes, remedy) = missing([])
    assert images == "images_train.tar.gz or images_val.tar.gz or images_test.tar.gz"
    assert classes == "classes.txt"
    assert "cloud_file_path" in remedy


def test_a_name_nearly_right_is_pointed_out():
    (_, remedy), *_ = missing(["images_train.tgz", "classes.txt"])
    assert remedy == "Rename images_train.tgz to images_train.tar.gz, if that is what it is."


def test_files_one_folder_too_deep_are_pointed_out():
    found = missing(["v2/images_val.tar.gz", "v2/classes.txt"])
    assert [remedy for _, remedy in found] == ["It is in v2/: add that folder to cloud_file_path."] * 2


def test_raw_is_for_testing_alone():
    raw = ("image_classification", "raw")
    assert missing(["images_test.tar.gz"], ["testing"], raw) == []
    ((file, remedy),) = missing(["images_test.tar.gz"], ["training"], raw)
    assert file == "use_for"
    assert "testing" in remedy


def test_only_the_files_of_the_dataset_are_wanted():
    keys = ["images_val.tar.gz", "classes.txt", "notes.md", "old/images_train.tar.gz"]
    assert layout_for(*PYT).files(keys) == ("classes.txt", "images_val.tar.gz")


@pytest.mark.parametrize(
    ("dataset_type", "dataset_format", "words"),
    [
        ("paintings", "raw", "type 'paintings' is unknown"),
        ("image_classification", "coco", "has no format 'coco'; it has: default, custom"),
        ("object_detection", "unet", "has no format 'unet'; it has: kitti, raw, coco, coco_raw, odvg"),
    ],
)
def test_what_is_not_available_is_told_with_what_is(dataset_type, dataset_format, words):
    with pytest.raises(DatasetError) as caught:
        layout_for(dataset_type, dataset_format)
    assert words in str(caught.value)
    assert "image_classification classification_pyt" in str(caught.value)


def test_every_format_that_the_api_knows_is_available():
    assert set(layouts()) == {(kind, form) for kind in DATASET_TYPES for form in formats_of(kind)}


@pytest.mark.parametrize("pair", layouts())
def test_every_layout_is_content_with_all_its_files(pair):
    layout = layouts()[pair]
    everything = [name.replace("*", "x") for need in layout.needs for name in need.any_of]
    for intent in layout.intents:
        assert layout.missing(everything, [intent]) == []
    assert bool(layout.missing(everything, layout.intents)) == layout.one_intent
    assert set(layout.files(everything)) == set(everything)


def test_archives_are_known_by_their_suffix():
    assert archive_stem("a/images_train.tar.gz") == "a/images_train"
    assert archive_stem("x.zip") == "x"
    assert archive_stem("classes.txt") is None


def test_suffixes_and_other_patterns_are_matched_alike():
    keys = ["a.png", "deep/er/B.PNG", "c.pngx", "x.json", "d/x.json", "images/1.tar.gz", "images.tar.gz"]
    names = ("*.png", "*.PNG", "x.json", "images/*.tar.gz")
    layout = replace(layout_for(*PYT), needs=(Need(names),))
    assert layout.files(keys) == ("a.png", "deep/er/B.PNG", "images/1.tar.gz", "x.json")
    assert replace(layout, optional=("*",)).files(keys) == tuple(sorted(keys))
