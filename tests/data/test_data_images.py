import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.pet_data import encoded

from tunesmith.data.errors import DatasetError
from tunesmith.data.images import flaw, load, open_rgb

GREY = np.array([[0, 100], [200, 255]], dtype=np.uint8)


def saved(tmp_path, image, kind="PNG", **options):
    path = tmp_path / f"image.{kind.lower()}"
    path.write_bytes(encoded(image, kind, **options))
    return path


def test_grey_becomes_three_equal_channels(tmp_path):
    pixels = load(saved(tmp_path, Image.fromarray(GREY)))
    assert pixels.shape == (2, 2, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == GREY[..., None]).all()


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    deep = GREY.astype(np.uint16) * 257
    assert (load(saved(tmp_path, Image.fromarray(deep)))[..., 0] == GREY).all()
    assert (load(saved(tmp_path, Image.fromarray(deep), "TIFF"))[..., 0] == GREY).all()


def test_floats_are_taken_as_zero_to_one(tmp_path):
    floats = GREY.astype(np.float32) / 255
    assert (load(saved(tmp_path, Image.fromarray(floats), "TIFF"))[..., 0] == GREY).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_every_mode_opens_as_rgb(tmp_path, mode, kind):
    if (mode, kind) == ("CMYK", "PNG"):
        kind = "JPEG"
    image = Image.new("RGB", (3, 2), (250, 250, 250)).convert("L" if mode == "I;16" else mode)
    opened = open_rgb(saved(tmp_path, image.convert(mode), kind))
    assert (opened.mode, opened.size) == ("RGB", (3, 2))


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP", "MPO"])
def test_every_kind_opens(tmp_path, kind):
    pixels = load(saved(tmp_path, Image.new("RGB", (16, 16), (200, 100, 50)), kind))
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 8


def test_transparent_palettes_open_without_a_warning(tmp_path, recwarn):
    image = Image.new("P", (2, 2))
    image.putpalette([255, 0, 0])
    path = saved(tmp_path, image, transparency=bytes([0, 255]))
    assert load(path)[0, 0].tolist() == [255, 0, 0]
    assert not recwarn.list


def test_the_camera_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (40, 20))
    image.paste((255, 255, 255), (0, 0, 20, 20))  # the left half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter clockwise to see it upright
    pixels = load(saved(tmp_path, image, "JPEG", exif=exif))
    assert pixels.shape == (40, 20, 3)
    assert pixels[5].min() > 200  # now the upper half is
    assert pixels[35].max() < 50


def test_of_several_frames_the_first_counts(tmp_path):
    frames = [Image.new("L", (4, 4), shade) for shade in (10, 200)]
    path = saved(tmp_path, frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load(path).max() == 10


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda _: b"", "not an image"),
        (lambda _: b"<html>not found</html>", "not an image"),
        (lambda data: data[: len(data) // 2], "truncated"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_broken_files_are_named_with_the_reason(tmp_path, kind, damage, reason):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    path = tmp_path / "broken.img"
    path.write_bytes(damage(encoded(noise, kind)))
    assert reason in (flaw(path) or "")
    with pytest.raises(DatasetError, match=r"broken\.img .*replace or remove"):
        load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"gone\.png is missing"):
        load(tmp_path / "gone.png")


def test_a_picture_of_absurd_size_is_refused(tmp_path):
    header = b"P5 30000 30000 255\n"
    (tmp_path / "bomb.pgm").write_bytes(header)
    assert flaw(tmp_path / "bomb.pgm") == "has more pixels than are safe to open"


def test_kinds_that_start_other_programs_are_not_opened(tmp_path):
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\nshowpage\n")
    assert flaw(tmp_path / "x.png") == "is not an image of a known kind"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"]),
    at=st.integers(0, 400),
    to=st.binary(max_size=8),
)
def test_no_damage_escapes_as_another_error(tmp_path, kind, at, to):
    buffer = io.BytesIO()
    Image.effect_noise((16, 16), 50).convert("RGB").save(buffer, kind)
    data = bytearray(buffer.getvalue())
    data[at : at + len(to)] = to
    path = tmp_path / "x"
    path.write_bytes(data)
    if flaw(path) is None:
        assert load(path).shape[2] == 3
    else:
        with pytest.raises(DatasetError):
            load(path)
