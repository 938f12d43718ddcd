"""Places in images that are filled up: as transformers computes them from masks."""

import pytest
import torch
from transformers.models.deformable_detr.modeling_deformable_detr import (
    DeformableDetrEncoder,
    DeformableDetrSinePositionEmbedding,
)

from tunesmith.networks.layers.places import Grid, extent_of, logit, waves

SIDES = (96, 128)
IMAGES = [(96, 128), (60, 100), (33, 128)]  # heights and widths


def filled_up() -> torch.Tensor:
    images = torch.zeros(len(IMAGES), 3, *SIDES)
    for image, (height, width) in zip(images, IMAGES, strict=True):
        image[:, :height, :width] = torch.rand(3, height, width) + 0.1
        image[:, 5:9, 5:9] = 0  # a dark place inside fills nothing up
    return images


def test_what_is_nothing_right_and_below_fills_an_image_up():
    found = extent_of(filled_up()) * torch.tensor([SIDES[1], SIDES[0]])
    assert found.round().int().tolist() == [[width, height] for height, width in IMAGES]


def test_an_empty_image_is_one_place():
    assert (extent_of(torch.zeros(1, 3, 8, 8)) == 1 / 8).all()


@pytest.mark.parametrize("shape", [(12, 16), (6, 8), (5, 7), (3, 4)])
def test_a_grid_is_what_transformers_makes_of_a_mask(shape):
    mask = torch.zeros(len(IMAGES), *SIDES)
    for one, (height, width) in zip(mask, IMAGES, strict=True):
        one[:height, :width] = 1
    scaled = torch.nn.functional.interpolate(mask[None], shape)[0].bool()
    grid = Grid.of(extent_of(filled_up()), shape)
    assert torch.equal(grid.valid, scaled.flatten(1))
    embedding = DeformableDetrSinePositionEmbedding(32, normalize=True)
    wanted = embedding((len(IMAGES), 64, *shape), torch.device("cpu"), torch.float32, mask=scaled)
    wanted = wanted.flatten(2).transpose(1, 2)
    found = grid.positions(64, (10000, 10000))
    torch.testing.assert_close(found[grid.valid], wanted[grid.valid], rtol=1e-4, atol=1e-4)
    centres = DeformableDetrEncoder.get_reference_points([shape], grid.ratio[:, None], torch.device("cpu"))
    inside = grid.centres() * grid.ratio[:, None]
    torch.testing.assert_close(inside[grid.valid], centres[:, :, 0][grid.valid])


def test_waves_tell_places_apart_at_every_temperature():
    shares = torch.linspace(0, 1, 50)
    for temperature in (20, 10000):
        found = waves(shares, 16, temperature)
        assert found.shape == (50, 16)
        assert (torch.cdist(found, found) + torch.eye(50) > 1e-3).all()


def test_a_logit_is_finite_everywhere():
    shares = torch.tensor([0.0, 1e-7, 0.3, 1.0, 1.2])
    assert logit(shares).isfinite().all()
    assert float(logit(shares)[2].sigmoid()) == pytest.approx(0.3)
