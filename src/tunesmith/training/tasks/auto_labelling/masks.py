"""From probabilities to masks."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import interpolate

from tunesmith.training.tasks.auto_labelling.samples import Box

_SMALL, _LARGE = 32**2, 96**2  # areas in square pixels, as COCO counts


def enlarged(probabilities: Tensor, height: int, width: int) -> Tensor:
    """(batch, rows, columns) at another size."""
    return interpolate(probabilities[:, None].float(), (height, width), mode="bilinear", align_corners=False)[
        :, 0
    ]


def threshold_of(box: Box, thresholds: Sequence[float]) -> float:
    """The probability from which a pixel is inside of an object with this box."""
    left, top, right, bottom = box
    area = (right - left) * (bottom - top)
    return thresholds[(area >= _SMALL) + (area >= _LARGE)] if len(thresholds) == 3 else thresholds[0]


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a mask."""
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    found: NDArray[np.bool_] = parts == sizes.argmax()
    return found


def mask_in_image(
    probabilities: Tensor, region: Sequence[int], box: Box, size: tuple[int, int], threshold: float
) -> NDArray[np.bool_]:
    """The mask of an object in its image, within its box: bool (height, width).

    Args:
        probabilities: (rows, columns), of what was cut out.
        region: left, top, right, bottom of what was cut out, in pixels of the image.
        box: of the object in pixels.
        size: height and width of the image.
        threshold: the probability from which a pixel is inside.
    """
    left, top, right, bottom = region
    with torch.inference_mode():
        found = enlarged(probabilities[None], bottom - top, right - left)[0].numpy() >= threshold
    height, width = size
    mask = np.zeros((height, width), np.bool_)
    y1, y2 = max(0, round(box[1])), min(height, max(round(box[3]), round(box[1]) + 1))
    x1, x2 = max(0, round(box[0])), min(width, max(round(box[2]), round(box[0]) + 1))
    mask[y1:y2, x1:x2] = found[y1 - top : y2 - top, x1 - left : x2 - left]
    return mask
