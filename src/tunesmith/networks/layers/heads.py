"""Heads of the detectors with deformable attention: of classes and of boxes."""

import math
from typing import Any, cast

from torch import nn
from transformers.models.deformable_detr.modeling_deformable_detr import DeformableDetrMLPPredictionHead

_RARE = 0.01  # how likely each class is before anything is learnt (Lin et al. 2017)


def class_head(width: int, classes: int) -> nn.Linear:
    """Features (..., width) to logits (..., classes), which begin with all classes unlikely."""
    head = nn.Linear(width, classes)
    nn.init.constant_(head.bias, -math.log((1 - _RARE) / _RARE))
    return head


def box_head(width: int, side: float = 0.0) -> nn.Module:
    """Features (..., width) to what is added to the logits of boxes (..., 4).

    Args:
        width: of the features.
        side: what it begins to give for width and height; 0 for centres.
    """
    head: Any = DeformableDetrMLPPredictionHead(width, width, 4, num_layers=3)  # type: ignore[no-untyped-call]
    nn.init.zeros_(head.layers[-1].weight)
    nn.init.zeros_(head.layers[-1].bias)
    nn.init.constant_(head.layers[-1].bias[2:], side)
    return cast("nn.Module", head)
