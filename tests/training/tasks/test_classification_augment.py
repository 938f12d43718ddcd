"""Augmentation: each key acts when it is enabled, and nothing does when it is not."""

import pytest
import torch
from tests.training.jobs import PLAIN, nested
from torchvision.transforms.v2 import functional as reference

from tunesmith.networks.classification_pyt.spec import ClassificationSpec
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.tasks.classification.augment import build_erasing, build_mixing, build_variation

SIZE = 16
PREFIX = "dataset.augmentation."


@pytest.fixture
def image():
    """A smooth colour picture in which every turn shows."""
    ramp = torch.linspace(0, 200, SIZE)
    return torch.stack(
        [ramp.expand(SIZE, SIZE), ramp[:, None].expand(SIZE, SIZE), ramp.expand(SIZE, SIZE).T * 0.5]
    ).to(torch.uint8)


def augmentation(**changes):
    keys = PLAIN | {PREFIX + name.replace("__", "."): value for name, value in changes.items()}
    return validate_spec(ClassificationSpec, nested(keys)).dataset.augmentation


def varied(image, times=40, **changes):
    vary = build_variation(augmentation(**changes), SIZE)
    assert vary is not None
    torch.manual_seed(0)
    return [vary(image) for _ in range(times)]


def test_nothing_enabled_is_nothing_done():
    spec = augmentation()
    assert build_variation(spec, SIZE) is None
    assert build_erasing(spec) is None
    assert build_mixing(spec, 10) is None


def test_the_default_varies_and_keeps_size_and_type(image):
    vary = build_variation(ClassificationSpec().dataset.augmentation, SIZE)
    assert vary is not None
    results = [vary(image) for _ in range(20)]
    assert all(result.shape == image.shape and result.dtype == torch.uint8 for result in results)
    assert len({tuple(result.flatten().tolist()) for result in results}) > 15


@pytest.mark.parametrize(
    ("key", "expected"),
    [("vflip_probability", reference.vertical_flip), ("hflip_probability", reference.horizontal_flip)],
)
def test_flips_mirror_their_own_axis(image, key, expected):
    other = {"vflip_probability": "hflip_probability", "hflip_probability": "vflip_probability"}[key]
    always = varied(
        image, 3, **{"random_flip__enable": True, f"random_flip__{key}": 1.0, f"random_flip__{other}": 0.0}
    )
    assert all(torch.equal(result, expected(image)) for result in always)


def test_half_of_the_images_are_flipped_by_default(image):
    results = varied(image, 200, random_flip__enable=True, random_flip__vflip_probability=0.0)
    flipped = sum(not torch.equal(result, image) for result in results)
    assert 70 < flipped < 130


def test_turns_are_by_the_angles_listed(image):
    results = varied(
        image,
        random_rotate__enable=True,
        random_rotate__rotate_probability=1.0,
        random_rotate__angle_list=[90, 180],
    )
    turns = [torch.rot90(image, count, (1, 2)) for count in (1, 2)]
    assert all(any(torch.equal(result, turn) for turn in turns) for result in results)
    assert all(any(torch.equal(result, turn) for result in results) for turn in turns)


@pytest.mark.parametrize("key", ["brightness", "contrast", "saturation", "hue"])
def test_each_colour_key_varies_colours(image, key):
    off = {f"random_color__{name}": 0.0 for name in ("brightness", "contrast", "saturation", "hue")}
    results = varied(
        image,
        random_color__enable=True,
        random_color__color_probability=1.0,
        **off | {f"random_color__{key}": 0.4},
    )
    assert any(not torch.equal(result, image) for result in results)
    unchanged = varied(image, random_color__enable=True, random_color__color_probability=1.0, **off)
    assert all(torch.equal(result, image) for result in unchanged)


def test_blur_smooths_some_images():
    sharp = torch.zeros(3, SIZE, SIZE, dtype=torch.uint8)
    sharp[:, :, ::2] = 255
    results = varied(sharp, with_random_blur=True)
    untouched = sum(torch.equal(result, sharp) for result in results)
    assert 5 < untouched < 35
    assert min(result.float().std() for result in results) < sharp.float().std()


def test_a_random_crop_keeps_four_fifths_at_least(image):
    for result in varied(image, with_random_crop=True):
        assert result.shape == image.shape
        # The ramp goes from 0 to 200: what is cut away is missing at its ends.
        assert int(result[0].max()) - int(result[0].min()) > 200 * 0.8**0.5 - 20


def test_a_scaled_crop_enlarges_within_its_range(image):
    same = varied(
        image, 5, with_scale_random_crop__enable=True, with_scale_random_crop__scale_range=[1.0, 1.0]
    )
    assert all(torch.equal(result, image) for result in same)
    twice = varied(
        image, 20, with_scale_random_crop__enable=True, with_scale_random_crop__scale_range=[2.0, 2.0]
    )
    assert all(int(result[0].max()) - int(result[0].min()) < 120 for result in twice)  # half of the ramp
    smaller = varied(
        image, 5, with_scale_random_crop__enable=True, with_scale_random_crop__scale_range=[0.5, 0.5]
    )
    assert all(result.shape == image.shape for result in smaller)


def test_rand_augment_applies_many_things(image):
    results = varied(image, random_aug__enable=True)
    assert len({tuple(result.flatten().tolist()) for result in results}) > 10


@pytest.mark.parametrize(("probability", "least", "most"), [(1.0, 40, 40), (0.3, 4, 22), (0.0, 0, 0)])
def test_erasing_blanks_a_rectangle_with_the_mean_colour(probability, least, most):
    erase = build_erasing(
        augmentation(random_erase__enable=True, random_erase__erase_probability=probability)
    )
    torch.manual_seed(0)
    normalised = torch.full((3, SIZE, SIZE), 5.0)
    results = [erase(normalised) for _ in range(40)] if erase else []
    blanked = [result for result in results if (result == 0).any()]
    assert least <= len(blanked) <= most


def test_mixing_weighs_pairs_of_labels():
    mix = build_mixing(augmentation(mixup_cutmix=True, mixup_alpha=1.0), 4)
    assert mix is not None
    torch.manual_seed(0)
    seen_cut = seen_blend = False
    for _ in range(20):
        images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 8, 8)
        mixed, weights = mix(images, torch.arange(4))
        assert weights.shape == (4, 4)
        assert torch.allclose(weights.sum(dim=1), torch.ones(4), atol=1e-5)
        # An image's mean is the mean of its labels: 3 parts of class 0 and 1 part of class 1 give 0.25.
        assert torch.allclose(mixed.mean(dim=(1, 2, 3)), weights @ torch.arange(4.0), atol=1e-4)
        values = mixed.unique()
        seen_cut |= set(values.tolist()) <= {0.0, 1.0, 2.0, 3.0}
        seen_blend |= not set(values.tolist()) <= {0.0, 1.0, 2.0, 3.0}
    assert seen_cut
    assert seen_blend


def test_no_strength_is_no_mixing():
    assert build_mixing(augmentation(mixup_cutmix=True, mixup_alpha=0.0), 4) is None


@pytest.mark.parametrize("given", [[1.0], [2.0, 1.0], [0.0, 1.0], []])
def test_an_unusable_scale_range_is_named(given):
    spec = augmentation(with_scale_random_crop__enable=True, with_scale_random_crop__scale_range=given)
    with pytest.raises(
        SpecError, match=r"dataset\.augmentation\.with_scale_random_crop\.scale_range: must hold"
    ):
        build_variation(spec, SIZE)
