"""Reads masks that are image files: the value of a pixel is the index of its class."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.images import open_stored

ClassMask = NDArray[np.uint8]
"""Height x width: class indices as stored."""

MOST_VALUES = 256
IGNORED = 255
"""Pixels of this value are of no class, unless 0 is the only other value: then 255 is the second class."""

_GREY = frozenset({"1", "L", "P", "I", "I;16", "I;16L", "I;16B", "I;16N"})
_REMEDY = "Write it as a grey or palette PNG, whose values are class indices, or 0 and 255."
_LOSSY = frozenset({".jpg", ".jpeg", ".webp"})


def read_class_mask(path: Path) -> ClassMask:
    """A mask as it is stored: grey values, or the indices of a palette, which are not its colours.

    Raises:
        FileFlawError: it is not an image, or one of a kind that alters values, or has colours, or a value
            above 255.
    """
    if path.suffix.lower() in _LOSSY:
        raise FileFlawError(path.name, "is of a kind that alters the values of pixels", _REMEDY)
    try:
        image = open_stored(path)
    except DatasetError:
        raise FileFlawError(path.name, "cannot be read as an image", "Replace or remove it.") from None
    values = _grey(path, image)
    if values.size and not 0 <= values.min() <= values.max() < MOST_VALUES:
        raise FileFlawError(path.name, f"has the value {_odd(values)}, not 0 to 255", _REMEDY)
    return values.astype(np.uint8)


def two_classes(values: NDArray[np.integer]) -> bool:
    """Whether these values, of all masks of a dataset, mean two classes: 0 and 255."""
    return set(values.tolist()) == {0, IGNORED}


def _grey(path: Path, image: Image.Image) -> NDArray[np.generic]:
    if image.mode in _GREY:
        return np.asarray(image)
    if image.mode in {"LA", "PA"}:
        return np.asarray(image.getchannel(0))
    if image.mode in {"RGB", "RGBA"}:
        channels = np.asarray(image)[..., :3]
        if (channels == channels[..., :1]).all():
            return channels[..., 0]
        raise FileFlawError(path.name, "has colours", _REMEDY)
    raise FileFlawError(path.name, f"is an image of the mode {image.mode}", _REMEDY)


def _odd(values: NDArray[np.generic]) -> int:
    """The value that is farthest out."""
    lowest = int(values.min())
    return lowest if lowest < 0 else int(values.max())
