"""Handwritten digits as images, to compose small datasets of."""

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

Grey = NDArray[np.uint8]


@cache
def scans() -> dict[int, Grey]:
    """The scans of each digit, count x 8 x 8, 0 to 255."""
    bunch = load_digits()
    grey = (bunch.images * (255 / 16)).round().astype(np.uint8)
    return {digit: grey[bunch.target == digit] for digit in range(10)}


def scan(digit: int, index: int = 0, size: int = 16) -> Grey:
    """One scan of a digit, scaled to size x size."""
    found = scans()[digit]
    image = Image.fromarray(found[index % len(found)])
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def encoded(pixels: Grey, kind: str = "PNG") -> bytes:
    """An image file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def picture(digit: int, index: int = 0, size: int = 16, kind: str = "PNG") -> bytes:
    """One scan of a digit as an image file."""
    return encoded(scan(digit, index, size), kind)
