"""Images and masks in archives a split: names and sizes that match, and values that are classes."""

import io
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.digit_images import encoded, picture, scan
from tests.data.looking import errors, is_read_or_refused, look, warnings
from tests.data.pet_data import archive
from tests.data.scene_data import put, scene
from tests.data.special_data import NO_CHANGES, changed

from tunesmith.data.class_masks import read_class_mask
from tunesmith.data.errors import FileFlawError
from tunesmith.data.unet import UnetData

Parts = Mapping[str, Mapping[str, bytes | None]]
COUNTS = {"train": 4, "val": 2, "test": 1}


def masked(values=(0, 1, 2), top="", changes: Parts | None = None) -> dict[str, bytes]:
    """Two digits on a noisy square; the mask holds a value for the background, and one for each digit."""
    changes = changes or {}
    parts: dict[str, dict[str, bytes]] = {}
    for split, count in COUNTS.items():
        for index in range(count):
            canvas, mask = scene(index), np.full((64, 64), values[0], np.uint8)
            for place, value in enumerate(values[1:]):
                digit = scan(place + 3, index)
                x, y = 4 + 28 * place, 8 + 9 * index
                put(canvas, digit, x, y)
                mask[y : y + 16, x : x + 16][digit > 80] = value
            parts.setdefault(f"images/{split}", {})[f"{top}{index}.jpg"] = encoded(canvas, "JPEG")
            if split != "test":
                parts.setdefault(f"masks/{split}", {})[f"{top}{index}.png"] = encoded(mask)
    return {
        f"{part}.tar.gz": archive(changed(members, changes.get(part, NO_CHANGES)))
        for part, members in parts.items()
    }


@pytest.fixture
def report(tmp_path):
    def run(files=None, intents=("training", "evaluation")):
        return look(tmp_path, "segmentation", "unet", files or masked(), intents)

    return run


@pytest.mark.shows("dataset segmentation/unet")
@pytest.mark.parametrize("top", ["", "folder/of/images/"])
def test_a_whole_dataset_is_counted(report, tmp_path, top):
    found = report(masked(top=top))
    assert found.findings == ()
    assert found.counts["images"] == COUNTS
    assert found.counts["masks"] == {"train": 4, "val": 2, "test": 0}
    pixels = found.counts["mask_pixels"]
    assert set(pixels) == {"train", "val"}
    assert set(pixels["train"]) == {"0", "1", "2"}
    assert sum(pixels["val"].values()) == 2 * 64 * 64
    sample = UnetData.open(tmp_path / "cache").samples("val")[1]
    assert sample.mask
    assert (sample.path.name, sample.mask.name) == ("1.jpg", "1.png")
    assert [one.mask for one in UnetData.open(tmp_path / "cache").samples("test")] == [None]


def test_two_classes_may_be_0_and_255(report):
    found = report(masked((0, 255)))
    assert found.findings == ()
    assert set(found.counts["mask_pixels"]["train"]) == {"0", "255"}


def test_255_beside_other_classes_is_no_class(report):
    assert report(masked((0, 1, 255))).findings == ()


def test_values_that_no_mask_has_are_told(report):
    fault = "has masks with values up to 4, but no pixel of 1, 2, 3"
    assert warnings(report(masked((0, 4)))) == [
        (f"masks/{split}.tar.gz", fault) for split in ("train", "val")
    ]


@pytest.mark.parametrize("value", [0, 255])
def test_masks_of_a_single_value_are_told(report, value):
    fault = f"has the value {value} alone in its masks: there is nothing to tell apart"
    assert warnings(report(masked((value, value)))) == [
        (f"masks/{split}.tar.gz", fault) for split in ("train", "val")
    ]


def test_classes_that_are_measured_and_not_learnt_are_told(report):
    files = masked() | {"masks/val.tar.gz": masked((0, 1, 3))["masks/val.tar.gz"]}
    assert (
        "masks/val.tar.gz",
        "has the values 3 in its masks, which those of train do not have",
    ) in warnings(report(files))


def test_masks_that_were_scaled_are_refused(report):
    blurred = encoded(np.arange(64 * 64).reshape(64, 64).astype(np.uint8))
    ((file, message),) = errors(report(masked(changes={"masks/val": {"0.png": blurred}})))
    assert file == "masks/val.tar.gz"
    assert message.startswith("has 256 values in its masks")


def test_what_is_predicted_on_may_have_masks(report):
    more = archive({"0.png": encoded(np.eye(64, dtype=np.uint8))})
    found = report(masked() | {"masks/test.tar.gz": more})
    assert found.findings == ()
    assert found.counts["masks"] == {"train": 4, "val": 2, "test": 1}


def test_an_image_without_its_mask_is_left_out(report):
    found = report(masked(changes={"masks/train": {"2.png": None}}))
    assert errors(found) == []
    assert warnings(found) == [("images/train.tar.gz/2.jpg", "has no mask and is left out")]
    assert found.counts["masks"] == {"train": 3, "val": 2, "test": 0}


def test_a_mask_without_its_image_is_an_error(report):
    found = report(masked(changes={"images/val": {"1.jpg": None}}))
    assert errors(found) == [("masks/val.tar.gz/1.png", "has no image of the same name")]


@pytest.mark.parametrize(
    ("split", "intents", "refused"),
    [("train", ["training"], True), ("train", ["evaluation"], False), ("val", ["training"], True)],
)
def test_each_use_needs_its_masks(report, split, intents, refused):
    none = {f"{index}.png": None for index in range(COUNTS[split])}
    found = report(masked(changes={f"masks/{split}": none}), intents)
    expected = [(f"masks/{split}.tar.gz", "holds no mask of an image")]
    assert errors(found) == (expected if refused else [])


def test_sizes_must_agree(report):
    small = encoded(np.zeros((32, 40), np.uint8))
    found = report(masked(changes={"masks/val": {"0.png": small}}))
    assert errors(found) == [("masks/val.tar.gz/0.png", "is 40 x 32, and images/val.tar.gz/0.jpg is 64 x 64")]


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


RED = encoded(np.full((64, 64, 3), (255, 0, 0), np.uint8))
JPEG = picture(1, size=64, kind="JPEG")
DEEP = saved(Image.fromarray(np.full((64, 64), 300, np.uint16)))


@pytest.mark.parametrize(
    ("name", "mask", "fault"),
    [
        ("0.png", RED, "has colours, and no indices of classes"),
        ("0.png", DEEP, "has the value 300: no class has an index beyond 255"),
        ("0.png", b"nothing", "cannot be read as an image"),
        (
            "0.jpg",
            picture(1, size=64, kind="JPEG"),
            "is a JPEG image, which does not keep values as they were",
        ),
    ],
)
def test_masks_hold_class_indices(report, name, mask, fault):
    found = report(masked(changes={"masks/train": {"0.png": None, name: mask}}))
    assert errors(found) == [(f"masks/train.tar.gz/{name}", fault)]


def test_indices_are_read_whatever_the_mode(tmp_path):
    values = np.array([[0, 1], [2, 1]], np.uint8)
    palette = Image.fromarray(values, "L").convert("P")
    palette.putdata(values.ravel())
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    grey = Image.fromarray(values)
    deep = Image.fromarray(values.astype(np.uint16))
    for image in (palette, grey, deep, grey.convert("RGB"), grey.convert("LA"), grey.convert("RGBA")):
        path = tmp_path / f"{image.mode.replace(';', '')}.png"
        image.save(path)
        assert (read_class_mask(path) == values).all(), image.mode
    Image.fromarray(values > 0).save(tmp_path / "1.png")
    assert (read_class_mask(tmp_path / "1.png") == (values > 0)).all()


def test_floats_are_no_indices(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(FileFlawError, match="is an image of the mode F"):
        read_class_mask(tmp_path / "f.tif")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 100))
def test_any_mask_is_read_or_refused(tmp_path, junk, keep):
    path = tmp_path / "mask.png"
    path.write_bytes(picture(1)[:keep] + junk)
    assert is_read_or_refused(read_class_mask, path)
