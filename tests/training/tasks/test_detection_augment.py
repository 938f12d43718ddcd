"""How training images are varied: boxes follow their objects, and every step does what it says."""

import pytest
import torch

from tunesmith.networks.detection import (
    Distort,
    Either,
    Flip,
    IouCrop,
    Jitter,
    Resize,
    ScaleJitter,
    ShortestSide,
    SizedCrop,
    Translate,
    ZoomOut,
)
from tunesmith.training.tasks.detection.augment import as_sample, build_steps, keep_visible, size_for

HEIGHT, WIDTH = 60, 100


def sample(boxes=((20.0, 10.0, 50.0, 40.0),)):
    """A dark image in which each box is filled with the number of its label."""
    image = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8)
    corners = torch.tensor(boxes).reshape(-1, 4)
    for place, (left, top, right, bottom) in enumerate(corners.int().tolist()):
        image[:, top:bottom, left:right] = 100 + place
    return as_sample(image, corners, torch.arange(len(corners)))


def seen(found) -> list[list[int]]:
    """The boxes around what is bright, by label."""
    boxes = []
    for label in found["labels"].tolist():
        rows, columns = torch.nonzero((found["image"][0].int() - 100 - label).abs() < 3, as_tuple=True)
        boxes.append([*map(int, (columns.min(), rows.min())), int(columns.max()) + 1, int(rows.max()) + 1])
    return boxes


@pytest.mark.parametrize(
    "steps",
    [
        (Flip(1.0),),
        (ZoomOut(1.0),),
        (IouCrop(1.0),),
        (SizedCrop(30, 50),),
        (Jitter(80), SizedCrop(80, 80)),
        (Resize(120, 120),),
        (Resize(120, 120, keep_aspect=True),),
        (ShortestSide((30, 90), 120),),
        (ScaleJitter(60, 60, 0.5, 2.0),),
        (Translate(0.3, 1.0),),
        (Flip(0.5), ZoomOut(0.5), IouCrop(0.5), Resize(90, 90)),
    ],
    ids=str,
)
def test_boxes_follow_what_is_in_them(steps):
    transform = build_steps(steps)
    for seed in range(10):
        torch.manual_seed(seed)
        found = keep_visible(transform(sample()))
        for box, bright in zip(found["boxes"].tolist(), seen(found), strict=True):
            assert all(abs(one - other) <= 2 for one, other in zip(box, bright, strict=True)), (box, bright)


def test_nothing_changes_where_nothing_is_asked_for():
    found = build_steps((Flip(0.0), Distort(0.0), ZoomOut(0.0), IouCrop(0.0)))(sample())
    assert torch.equal(found["image"], sample()["image"])
    assert torch.equal(found["boxes"], sample()["boxes"])


def test_probabilities_are_shares():
    shares = []
    for probability in (0.2, 0.8):
        transform = build_steps((Flip(probability),))
        torch.manual_seed(0)
        turned = [not torch.equal(transform(sample())["boxes"], sample()["boxes"]) for _ in range(200)]
        shares.append(sum(turned) / 200)
    assert shares == pytest.approx([0.2, 0.8], abs=0.08)


def test_colours_change_but_boxes_do_not():
    torch.manual_seed(0)
    transform = build_steps((Distort(1.0),))
    found = [transform(sample()) for _ in range(10)]
    assert any(not torch.equal(one["image"], sample()["image"]) for one in found)
    assert all(torch.equal(one["boxes"], sample()["boxes"]) for one in found)


def test_boxes_that_are_cut_away_are_dropped():
    boxes = [(0.0, 0.0, 10.0, 10.0), (90.0, 50.0, 100.0, 60.0)]
    counts = set()
    for seed in range(20):
        torch.manual_seed(seed)
        found = build_steps((SizedCrop(30, 40),))(sample(boxes))
        assert len(found["boxes"]) == len(found["labels"])
        counts.add(len(found["labels"]))
    assert counts == {0, 1}


@pytest.mark.parametrize(
    "step",
    [
        Flip(1.0),
        ZoomOut(1.0),
        IouCrop(1.0),
        SizedCrop(30, 40),
        Resize(50, 50),
        ScaleJitter(40, 40, 0.5, 2.0),
        Translate(0.3, 1.0),
    ],
    ids=str,
)
def test_an_image_without_boxes_is_varied_too(step):
    found = keep_visible(build_steps((step,))(sample(())))
    assert found["boxes"].shape == (0, 4)


def test_jitter_scales_what_fits_and_cuts_what_is_larger():
    transform = build_steps((ScaleJitter(50, 50, 0.5, 3.0),))
    torch.manual_seed(0)
    shapes = [transform(sample())["image"].shape[-2:] for _ in range(50)]
    assert max(height for height, _ in shapes) == max(width for _, width in shapes) == 50
    assert min(width for _, width in shapes) < 40
    assert all(abs(height - 0.6 * width) <= 1 for height, width in shapes if width < 50)


def test_either_takes_one_of_two_ways():
    transform = build_steps((Either((Resize(10, 10),), (Resize(20, 20),)),))
    torch.manual_seed(0)
    assert {transform(sample())["image"].shape[-1] for _ in range(20)} == {10, 20}


@pytest.mark.parametrize(
    ("step", "size"),
    [
        (Resize(32, 64), (32, 64)),
        (Resize(64, 64, keep_aspect=True), (38, 64)),
        (ShortestSide((30,), 1000), (30, 50)),
        (ShortestSide((120,), 100), (60, 100)),
    ],
    ids=str,
)
def test_sizes_are_as_the_step_says(step, size):
    assert size_for(step, HEIGHT, WIDTH) == size
    assert tuple(build_steps((step,))(sample())["image"].shape[-2:]) == size


def test_jitter_scales_to_between_a_tenth_and_twice_of_a_square():
    transform = build_steps((Jitter(200),))
    torch.manual_seed(0)
    shapes = [transform(sample())["image"].shape[-2:] for _ in range(40)]
    # 100 x 60 pixels fit into the square at twice their size.
    assert all(abs(height / width - HEIGHT / WIDTH) < 0.05 for height, width in shapes)
    widths = [width for _, width in shapes]
    assert 20 <= min(widths) < 80
    assert 300 < max(widths) <= 400
