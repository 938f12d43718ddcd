"""Masks as images: the value of a pixel is the index of its class."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tunesmith.data.errors import DatasetError, FileFlawError
from tunesmith.data.images import open_stored

VALUES = 256
ClassMask = NDArray[np.uint8]
"""Height x width; the value is the index of the class."""

_PNG = "Write it as a grey PNG image whose values are the indices of the classes."


def read_class_mask(path: Path) -> ClassMask:
    """The values of a mask as they are stored. Of an image with a palette these are the indices into it.

    Raises:
        FileFlawError: it is no image, a JPEG (which changes values), or has colours or values beyond 255.
    """
    try:
        image = open_stored(path)
    except DatasetError:
        raise FileFlawError(path.name, "cannot be read as an image", "Replace or remove it.") from None
    if image.format == "JPEG":
        raise FileFlawError(path.name, "is a JPEG image, which does not keep values as they were", _PNG)
    values = _values(path, image)
    if values.size and (values.min() < 0 or values.max() >= VALUES):
        fault = f"has the value {int(values.max())}: no class has an index beyond {VALUES - 1}"
        raise FileFlawError(path.name, fault, _PNG)
    return values.astype(np.uint8)


def histogram(mask: ClassMask) -> NDArray[np.int64]:
    """How many pixels have each of the 256 values."""
    return np.bincount(mask.ravel(), minlength=VALUES)


def _values(path: Path, image: Image.Image) -> NDArray[Any]:
    match image.mode:
        case "1" | "L" | "P" | "I" | "I;16" | "I;16L" | "I;16B" | "I;16N":
            return np.asarray(image)
        case "LA" | "PA":
            return np.asarray(image)[..., 0]
        case "RGB" | "RGBA":
            channels = np.asarray(image)[..., :3]
            if (channels == channels[..., :1]).all():
                return channels[..., 0]
            raise FileFlawError(path.name, "has colours, and no indices of classes", _PNG)
        case mode:
            raise FileFlawError(path.name, f"is an image of the mode {mode}", _PNG)
