"""What the values of masks mean: palettes, numbers of classes, 0 and 255."""

import numpy as np
import pytest

from tunesmith.networks.segformer.adapter import labelling
from tunesmith.networks.segformer.spec import Segment
from tunesmith.networks.segmentation import Labelling
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.tasks.segmentation.labels import (
    IGNORED,
    UNKNOWN,
    distinct_colours,
    labels_for,
    labels_of,
)

ROAD = {"label_id": 0, "mapping_class": "road", "rgb": [128, 64, 128], "seg_class": "road"}
LANE = {"label_id": 7, "mapping_class": "road", "rgb": [1, 2, 3], "seg_class": "lane"}
SKY = {"label_id": 3, "mapping_class": "sky", "rgb": [70, 130, 180], "seg_class": "sky"}


SECTION = "dataset.segment"


def segment(**keys) -> Labelling:
    return labelling(validate_spec(Segment, keys))


def test_an_untouched_spec_takes_two_classes_from_the_published_palette():
    labels = labels_for(segment(), SECTION, {0, 255})
    assert labels.classes == ("foreground", "background")
    assert labels.table({0, 255})[[0, 1, 255]].tolist() == [0, 1, 1]
    assert labels.table({0, 1, 255})[[0, 1, 255]].tolist() == [0, 1, IGNORED]


def test_an_untouched_spec_takes_the_classes_that_the_masks_have():
    labels = labels_for(segment(), SECTION, {0, 2, 4, 255})
    assert labels.classes == ("0", "1", "2", "3", "4")
    assert labels.table({0, 2, 4, 255})[[4, 5, 255]].tolist() == [4, UNKNOWN, IGNORED]


def test_a_number_of_classes_is_enough():
    labels = labels_for(segment(num_classes=3), SECTION, {0, 1, 2})
    assert labels.classes == ("0", "1", "2")


def test_values_that_share_a_class_are_one_class():
    labels = labels_for(segment(palette=[ROAD, SKY, LANE]), SECTION, {0, 3, 7})
    assert labels.classes == ("road", "sky")
    assert labels.values == ((0, 7), (3,))
    assert labels.colours == ((128, 64, 128), (70, 130, 180))
    assert labels.table(None)[[0, 3, 7, 1]].tolist() == [0, 1, 0, UNKNOWN]


def test_255_may_be_a_class_of_the_palette():
    table = labels_for(segment(palette=[ROAD, SKY | {"label_id": 255}]), SECTION, {0, 255}).table({0, 255})
    assert table[[0, 255]].tolist() == [0, 1]


def test_without_norm_255_is_ignored():
    assert labels_for(segment(label_transform="None"), SECTION, {0, 255}).table({0, 255})[255] == IGNORED


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({}, {0, 255}),
        ({}, {0, 1, 2, 3}),
        ({"num_classes": 4}, None),
        ({"palette": [ROAD, SKY, LANE]}, None),
    ],
)
def test_a_model_finds_its_labels_again(keys, found):
    trained = labels_for(segment(**keys), SECTION, found)
    assert labels_of(segment(**keys), SECTION, trained.classes) == trained


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"num_classes": 3, "palette": [ROAD, SKY]}, r"num_classes: must be the number of mapping_class"),
        ({"num_classes": 255}, r"num_classes: must be below 255"),
        ({"palette": [ROAD]}, r"palette: must name two"),
        ({"palette": [ROAD, SKY | {"label_id": 0}]}, r"palette: must have each label_id once"),
        ({"palette": [ROAD, {"label_id": -1, "mapping_class": "x"}]}, r"palette\[1\]\.label_id"),
        ({"palette": [ROAD, {"label_id": 1}]}, r"palette\[1\]\.mapping_class"),
        ({"palette": [ROAD, SKY | {"rgb": [1, 2]}]}, r"palette\[1\]\.rgb"),
        ({"palette": [ROAD, SKY | {"colour": 3}]}, r"palette\[1\]: may have"),
    ],
)
def test_what_cannot_be_used_is_named(keys, message):
    with pytest.raises(SpecError, match=rf"dataset\.segment\.{message}"):
        labels_for(segment(**keys), SECTION, {0, 1})


@pytest.mark.parametrize("count", [2, 20, 21, 150])
def test_colours_can_be_told_apart(count):
    colours = distinct_colours(count)
    assert len(set(colours)) == count
    assert np.array(colours).max() <= 255
