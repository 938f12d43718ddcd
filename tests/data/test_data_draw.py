import numpy as np
import pytest
from PIL import Image

from tunesmith.data.draw import Tile, grid

BLUE = Image.new("RGB", (8, 8), (0, 0, 255))


def test_a_grid_has_a_place_for_every_tile():
    small = grid([Tile(BLUE, "a")] * 3, columns=3, tile_size=40)
    tall = grid([Tile(BLUE, "a")] * 7, columns=3, tile_size=40)
    assert tall.width == small.width
    assert tall.height == 3 * small.height


def test_colours_tell_right_from_wrong():
    sheet = np.asarray(grid([Tile(BLUE, "4", True), Tile(BLUE, "7", False), Tile(BLUE, "?")], 3, 48))
    third = sheet.shape[1] // 3
    right, wrong, unknown = (sheet[4, start + 10].tolist() for start in (0, third, 2 * third))
    assert right[1] > max(right[0], right[2])
    assert wrong[0] > max(wrong[1], wrong[2])
    assert len(set(unknown)) == 1
    assert sheet[24, 24].tolist() == [0, 0, 255]


def test_captions_are_drawn_and_fit():
    bare = np.asarray(grid([Tile(BLUE, "")], 1, 64))
    short = np.asarray(grid([Tile(BLUE, "cat")], 1, 64))
    long = np.asarray(grid([Tile(BLUE, "cat " * 100), Tile(BLUE, "")], 2, 64))
    assert (short != bare).any()
    assert (long[:, 72:] == bare).all()  # nothing runs into the neighbour


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (3, 3)])
def test_any_shape_and_mode_fits(shape):
    assert grid([Tile(Image.new("LA", shape), "ünï 狗\nline")], columns=9, tile_size=32).mode == "RGB"


@pytest.mark.parametrize(
    ("tiles", "columns", "size"), [([], 1, 9), ([Tile(BLUE, "")], 0, 9), ([Tile(BLUE, "")], 1, 0)]
)
def test_senseless_sizes_are_refused(tiles, columns, size):
    with pytest.raises(ValueError, match="at least one"):
        grid(tiles, columns, size)
