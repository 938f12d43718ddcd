"""Fits boxes into their images: what leaves an image is cut at its edge, what covers nothing is left out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""A box a row: left, top, right, bottom in pixels from the top left corner of the image."""

SMALLEST_SIDE = 0.1
"""In pixels. Smaller boxes cover nothing."""

TOLERATED = 2.0
"""Pixels by which annotators often overshoot: cut without a word."""

CORNERS = "Correct its corners: they are pixels, counted from the top left corner."


@dataclass(frozen=True, eq=False)
class Fitted:
    """Boxes and what became of them, a row each.

    Attributes:
        boxes: cut at the edges of their images.
        flat: those that covered nothing before, or were upside down.
        outside: those that cover nothing of their image.
        cut: those of the others that left their image by more than is tolerated.
    """

    boxes: Boxes
    flat: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    cut: NDArray[np.bool_]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Those that can be used."""
        return ~(self.flat | self.outside)


def fit(boxes: Boxes, sizes: NDArray[Any]) -> Fitted:
    """Fit boxes (n, 4) into images of the sizes (n, 2), or (2,) for all: width and height.

    An image of the width 0 is of unknown size, and holds every box.
    """
    edges = np.where(sizes > 0, sizes, np.inf)
    edges = np.broadcast_to(np.concatenate([edges, edges], axis=-1), boxes.shape)
    inside = np.clip(boxes, 0, edges)
    flat = _smallest_side(boxes) < SMALLEST_SIDE
    outside = ~flat & (_smallest_side(inside) < SMALLEST_SIDE)
    reach = np.abs(boxes - inside).max(axis=1, initial=0)
    return Fitted(inside, flat, outside, ~flat & ~outside & (reach > TOLERATED))


def _smallest_side(boxes: Boxes) -> NDArray[np.float64]:
    sides: NDArray[np.float64] = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
    return sides
