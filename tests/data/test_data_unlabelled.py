"""Images to predict on: without labels, at any depth, with a list of the classes to look for, or without."""

import json
from pathlib import Path

import pytest
from tests.data.digit_images import picture
from tests.data.looking import errors, look, warnings
from tests.data.pet_data import archive
from tests.data.test_data_user_custom import FILES

from tunesmith.data.findings import DatasetReport

PAIRS = [("object_detection", "raw"), ("object_detection", "coco_raw"), ("segmentation", "raw")]


def unlabelled(*names: str, label_map: bytes = b"three\nfive\n", **more: bytes) -> dict[str, bytes]:
    images = {name: picture(index) for index, name in enumerate(names)}
    return {"images.tar.gz": archive(images | more), "label_map.txt": label_map}


def seen(root: Path, pair: tuple[str, str], files: dict[str, bytes], use: str = "testing") -> DatasetReport:
    dataset_type, dataset_format = pair
    return look(root, dataset_type, dataset_format, files, [use])


@pytest.mark.shows(
    "dataset object_detection/raw", "dataset object_detection/coco_raw", "dataset segmentation/raw"
)
@pytest.mark.parametrize("pair", PAIRS)
def test_images_are_counted_at_any_depth(tmp_path, pair):
    found = seen(tmp_path, pair, unlabelled("images/1.png", "images/night/1.png"))
    assert found.findings == ()
    assert found.counts["images"] == found.counts["decoded"] == 2
    assert found.counts.get("listed_classes") == (2 if pair[1] == "coco_raw" else None)


@pytest.mark.parametrize("pair", PAIRS)
def test_they_are_for_testing_alone(tmp_path, pair):
    ((file, message),) = errors(seen(tmp_path, pair, unlabelled("1.png"), "training"))
    assert file == "use_for"
    assert message.startswith("'training' is not possible")


@pytest.mark.parametrize("pair", PAIRS)
def test_what_is_no_image_is_told(tmp_path, pair):
    files = unlabelled("1.png", **{"2.png": b"nothing", "notes.md": b"nice"})
    found = seen(tmp_path, pair, files)
    assert errors(found) == [("images.tar.gz/2.png", "is not an image of a known kind")]
    assert warnings(found) == [("images.tar.gz/notes.md", "is not an image and is left out")]


@pytest.mark.parametrize("pair", PAIRS)
def test_an_archive_without_images_is_an_error(tmp_path, pair):
    found = seen(tmp_path, pair, unlabelled(**{"notes.md": b"nice"}))
    assert errors(found) == [("images.tar.gz", "holds no image")]


@pytest.mark.parametrize(
    ("label_map", "fault"),
    [(b"", "holds no class"), (b"a\na\n", "line 2 repeats 'a' of line 1"), (b"\xff\xff", "is not UTF-8")],
)
def test_classes_to_look_for_are_each_named_once(tmp_path, label_map, fault):
    found = look(tmp_path, "object_detection", "coco_raw", unlabelled("1.png", label_map=label_map))
    ((file, message),) = errors(found)
    assert file == "label_map.txt"
    assert fault in message


@pytest.mark.shows("dataset segmentation/monai")
def test_volumes_to_segment_are_listed_with_their_labels(tmp_path):
    found = look(tmp_path / "whole", "segmentation", "monai", FILES, ["training"])
    assert found.findings == ()
    assert found.counts["volumes"] == 4
    other = json.loads(FILES["dataset.json"]) | {"testing": ["imagesTs/none.nii.gz"]}
    files = FILES | {"dataset.json": json.dumps(other).encode()}
    (fault,) = errors(look(tmp_path / "lacking", "segmentation", "monai", files))
    assert fault == ("dataset.json", "names 'imagesTs/none.nii.gz', which the dataset does not hold")
