"""Anchors: the boxes of usual sizes at each place of each map, which predictions correct.

Boxes are centre x and y, width and height as shares of the image throughout.
"""

import math
from ast import literal_eval
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from tunesmith.networks.efficientdet_tf2.spec import Model
from tunesmith.specs import SpecError, SpecProblem

_FURTHEST = math.log(1000 / 16)  # what the size of a box may differ from its anchor's, as a logarithm


def aspects_of(model: Model) -> tuple[tuple[float, float], ...]:
    """Width and height of the anchors, as factors of their side; a number alone is width by height.

    Raises:
        SpecError: the key holds something else.
    """
    try:
        listed = literal_eval(model.aspect_ratios)
        found = tuple(_pair(one) for one in listed)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        found = ()
    if not found or any(not (math.isfinite(one) and one > 0) for pair in found for one in pair):
        rule = "must hold pairs of width and height above 0, such as [(1.0, 1.0), (1.4, 0.7)]"
        raise SpecError([SpecProblem("model.aspect_ratios", rule, model.aspect_ratios)])
    return found


def per_place(model: Model) -> int:
    """Anchors at each place of a map."""
    return model.num_scales * len(aspects_of(model))


def anchors_of(model: Model, size: tuple[int, int]) -> Tensor:
    """The anchors of an image of this height and width, (anchors, 4), in the order of the predictions."""
    shapes = [
        (2 ** (scale / model.num_scales) * wide, 2 ** (scale / model.num_scales) * tall)
        for scale, (wide, tall) in product(range(model.num_scales), aspects_of(model))
    ]
    levels = []
    for level in range(model.min_level, model.max_level + 1):
        rows, columns = (_places(side, level) for side in size)
        down, across = torch.meshgrid(
            (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij"
        )
        sides = torch.tensor(shapes) * model.anchor_scale / torch.tensor([columns, rows])
        centres = torch.stack([across, down], dim=-1).reshape(-1, 1, 2).expand(-1, len(shapes), 2)
        levels.append(torch.cat([centres, sides.expand_as(centres)], dim=-1).reshape(-1, 4))
    return torch.cat(levels)


def decode(codes: Tensor, anchors: Tensor) -> Tensor:
    """The boxes that predictions (..., anchors, 4) mean: y, x, height, width beside those of the anchors."""
    down, across, tall, wide = codes.unbind(-1)
    centres = torch.stack([across, down], dim=-1) * anchors[:, 2:] + anchors[:, :2]
    sides = torch.stack([wide, tall], dim=-1).clamp(max=_FURTHEST).exp() * anchors[:, 2:]
    return torch.cat([centres, sides], dim=-1)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """The predictions that mean boxes (..., anchors, 4)."""
    across, down = ((boxes[..., :2] - anchors[..., :2]) / anchors[..., 2:]).unbind(-1)
    wide, tall = (boxes[..., 2:] / anchors[..., 2:]).clamp_min(1e-6).log().unbind(-1)
    return torch.stack([down, across, tall, wide], dim=-1)


def corners(boxes: Tensor) -> Tensor:
    """Left, top, right, bottom of boxes (..., 4)."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)


def _places(side: int, level: int) -> int:
    for _ in range(level):
        side = -(-side // 2)
    return side


def _pair(one: object) -> tuple[float, float]:
    if isinstance(one, int | float):
        return math.sqrt(one), 1 / math.sqrt(one) if one else 0.0
    if not isinstance(one, Sequence) or len(one) != 2:
        raise ValueError(one)
    return float(one[0]), float(one[1])
