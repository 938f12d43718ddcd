"""Opens images the same way everywhere: upright, RGB, eight bits a channel."""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from tunesmith.data.errors import DatasetError

# Pillow knows many more, among them some that start other programs. These plugins are named, because
# it loads some of them late.
_FORMATS = (
    BmpImagePlugin.BmpImageFile.format,
    GifImagePlugin.GifImageFile.format,
    JpegImagePlugin.JpegImageFile.format,
    PngImagePlugin.PngImageFile.format,
    PpmImagePlugin.PpmImageFile.format,
    TiffImagePlugin.TiffImageFile.format,
    WebPImagePlugin.WebPImageFile.format,
)
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})  # EXIF orientations
# What Pillow's decoders raise on hostile or broken files.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    LookupError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def open_rgb(path: Path) -> Image.Image:
    """The image as the camera's owner sees it, in mode RGB.

    Its EXIF orientation is applied. Grey becomes three equal channels, transparency is dropped, sixteen
    bits are scaled to eight, floats are taken as 0 to 1 if none is larger. Of several frames the first.

    Raises:
        DatasetError: the file is not a readable image; the message names it and the reason.
    """
    try:
        return _opened(path)
    except FileNotFoundError:
        raise DatasetError(f"{path.name} is missing; pull the dataset again.") from None
    except _BROKEN as error:
        raise DatasetError(f"{path.name} {_reason(error)}; replace or remove the file.") from error


def open_stored(path: Path) -> Image.Image:
    """The image as it is stored, in its own mode and not turned: for masks, whose pixels are numbers.

    Raises:
        DatasetError: as `open_rgb`.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            image.load()
            return image
    except FileNotFoundError:
        raise DatasetError(f"{path.name} is missing; pull the dataset again.") from None
    except _BROKEN as error:
        raise DatasetError(f"{path.name} {_reason(error)}; replace or remove the file.") from error


def load(path: Path) -> NDArray[np.uint8]:
    """The image as an array of height x width x 3, RGB, 0 to 255. Raises as `open_rgb`."""
    return np.asarray(open_rgb(path))


def flaw(path: Path) -> str | None:
    """Why an image cannot be opened, decoded to its last pixel; None if it can."""
    try:
        _opened(path)
    except _BROKEN as error:
        return _reason(error)
    return None


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of what `open_rgb` gives, from the file's header alone: no pixel is decoded.

    Raises:
        DatasetError: the file is not an image; the message names it and the reason.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            turned = image.getexif().get(ExifTags.Base.Orientation) in _ON_ITS_SIDE
    except _BROKEN as error:
        raise DatasetError(f"{path.name} {_reason(error)}; replace or remove the file.") from error
    return (height, width) if turned else (width, height)


def _opened(path: Path) -> Image.Image:
    with Image.open(path, formats=_FORMATS) as image:
        image.load()
        return _rgb(ImageOps.exif_transpose(image))


def _reason(error: Exception) -> str:
    match error:
        case Image.DecompressionBombError():
            return "has more pixels than are safe to open"
        case UnidentifiedImageError():
            return "is not an image of a known kind"
        case OSError() if "truncated" in str(error).lower():
            return "is truncated"
        case _:
            return f"cannot be decoded ({str(error)[:120] or type(error).__name__})"


def _rgb(image: Image.Image) -> Image.Image:
    match image.mode:
        case "RGB":
            return image
        case "I;16" | "I;16L" | "I;16B" | "I;16N" | "I":
            deep = np.asarray(image, dtype=np.int64).clip(0, 65535)
            return Image.fromarray((deep // 257).astype(np.uint8)).convert("RGB")
        case "F":
            return Image.fromarray(_from_floats(np.asarray(image))).convert("RGB")
        case "P":
            return image.convert("RGBA").convert("RGB")
        case _:
            return image.convert("RGB")


def _from_floats(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    known = np.nan_to_num(values)
    scale = 255.0 if known.max(initial=0.0) <= 1.0 else 1.0
    return (known * scale).round().clip(0, 255).astype(np.uint8)
