"""Masks of annotations: polygons and run-length encodings, as COCO's tools write them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw
from tests.data.scene_data import scene

from tunesmith.data.masks import (
    MaskError,
    as_polygons,
    box_of,
    compress,
    encode,
    fill,
    parse_polygons,
    parse_rle,
)
from tunesmith.data.segments import SegmentsBuilder

DIGITS = [scene(seed, 3) > 60 for seed in range(5)]
SQUARE = [2.0, 2.0, 6.0, 2.0, 6.0, 6.0, 2.0, 6.0]
MASKS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def test_encodings_are_those_of_coco():
    runs = [6, 1, 40, 4, 5, 4, 5, 4, 21]
    compressed = parse_rle({"size": [9, 10], "counts": "61X13mN000`0"})
    assert compressed.runs.tolist() == runs
    assert compress(compressed.runs) == "61X13mN000`0"
    assert compressed.area == 1 + 4 + 4 + 4
    mask = compressed.mask()
    assert mask.shape == (9, 10)
    assert mask[6, 0]  # columns come first: the seventh pixel is the seventh of the first column
    assert encode(mask).runs.tolist() == runs


@pytest.mark.parametrize("mask", [*DIGITS, np.zeros((3, 5), np.bool_), np.ones((3, 5), np.bool_)])
def test_masks_of_digits_survive_their_encodings(mask):
    rle = encode(mask)
    assert rle.area == mask.sum()
    assert (rle.mask() == mask).all()
    assert (parse_rle({"size": list(mask.shape), "counts": compress(rle.runs)}).mask() == mask).all()


@given(MASKS)
def test_a_mask_survives_its_encodings(mask):
    rle = encode(mask)
    for counts in (compress(rle.runs), rle.runs.tolist()):
        assert (parse_rle({"size": list(mask.shape), "counts": counts}).mask() == mask).all()


@pytest.mark.parametrize("seed", range(6))
def test_polygons_are_filled_as_pillow_fills_them(seed):
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, 12))
    reach = random.uniform(8, 28, 12)
    corners = np.stack([40 + reach * np.cos(angles), 32 + reach * np.sin(angles)], axis=1)
    ours = fill(as_polygons([corners.ravel().tolist()]), 64, 80)
    canvas = Image.new("1", (80 * 8, 64 * 8))
    ImageDraw.Draw(canvas).polygon([tuple(corner) for corner in (corners * 8).tolist()], fill=1)
    share = np.asarray(canvas).reshape(64, 8, 80, 8).mean(axis=(1, 3))
    assert ours[share == 1].all()
    assert not ours[share == 0].any()
    assert abs(ours.sum() / share.sum() - 1) < 0.03


def test_pixels_whose_centres_are_inside_are_filled():
    mask = fill(as_polygons([SQUARE]), 8, 8)
    assert box_of(mask) == (2, 2, 6, 6)
    assert mask.sum() == 16
    assert fill(as_polygons([SQUARE]), 4, 4).sum() == 4
    assert not fill(as_polygons([[-9.0, -9.0, -5.0, -9.0, -5.0, -5.0]]), 4, 4).any()
    assert box_of(np.zeros((4, 4), np.bool_)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({}, "size is not"),
        ({"size": [4], "counts": [16]}, "size is not"),
        ({"size": [4, -4], "counts": [16]}, "size is not"),
        ({"size": [1 << 20, 1 << 20], "counts": [1 << 40]}, "more pixels than are safe"),
        ({"size": [4, 4], "counts": [3, 4]}, "add up to 7, not to 4 x 4"),
        ({"size": [4, 4], "counts": [20, -4]}, "negative or a huge"),
        ({"size": [4, 4], "counts": [1.5, 14.5]}, "neither a list of whole numbers"),
        ({"size": [4, 4], "counts": None}, "neither a list of whole numbers"),
        ({"size": [4, 4], "counts": ""}, "no compressed text"),
        ({"size": [4, 4], "counts": "é"}, "no compressed text"),
        ({"size": [4, 4], "counts": "\ud800"}, "no compressed text"),
        ({"size": [4, 4], "counts": "oooooooooooooooo0"}, "huge count"),
    ],
)
def test_what_is_wrong_with_an_encoding_is_said(value, fault):
    with pytest.raises(MaskError, match=fault):
        parse_rle(value)


@pytest.mark.parametrize(
    "value", [[1, 2, 3, 4, 5, 6], [[1, 2, 3]], [[1, 2, 3, 4, "5", 6]], [[1, 2, 3, 4, 5, 1e300]], [[True] * 6]]
)
def test_what_is_no_polygon_is_refused(value):
    with pytest.raises(MaskError, match="polygon"):
        parse_polygons(value)


def test_parts_that_cover_nothing_are_left_out():
    assert parse_polygons([[1, 2, 3, 4], SQUARE, []]) == (SQUARE,)


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["size", "counts"]),
        st.one_of(st.text(), st.lists(st.integers(-5, 1 << 40) | st.floats() | st.none()), st.none()),
    )
)
def test_any_value_is_an_encoding_or_refused(value):
    try:
        rle = parse_rle(value)
    except MaskError:
        return
    assert rle.mask().shape == tuple(value["size"])


def test_masks_of_many_annotations_are_kept_by_row():
    builder = SegmentsBuilder()
    builder.add_none()
    builder.add_polygons([SQUARE, [10.0, 10.0, 12.0, 10.0, 12.0, 12.0]])
    builder.add_rle(encode(DIGITS[0]))
    builder.add_polygons([[0.0, 0.0, 3.0, 0.0, 3.0, 3.0]])
    found = builder.build()
    assert found.given.tolist() == [False, True, True, True]
    assert found.mask(0, 64, 64) is None
    turned = found.select(np.array([2, 1]))
    first, second = turned.mask(0, 64, 64), turned.mask(1, 64, 64)
    assert first is not None
    assert second is not None
    assert (first == DIGITS[0]).all()
    assert second.sum() > 16
    polygons = turned.polygons(1)
    assert polygons is not None
    assert [len(part) for part in polygons] == [4, 3]
    with pytest.raises(ValueError, match="is no mask of 64 x 32"):
        turned.mask(0, 32, 64)
