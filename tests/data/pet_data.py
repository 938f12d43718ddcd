"""Small images and archives of them."""

import io
import tarfile

import numpy as np
from PIL import Image


def png(shade: int = 128, size: int = 8) -> bytes:
    """A small grey image."""
    return encoded(Image.new("L", (size, size), shade))


def noise(seed: int, size: int) -> bytes:
    """An image that no compression makes smaller: 3 x size x size bytes and a few."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), compress_level=0)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    """A tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def split(name: str, classes: tuple[str, ...] = ("cat", "dog"), count: int = 2) -> bytes:
    """An archive with `count` images of each class under its own top folder."""
    return archive({f"{name}/{one}/{index}.png": png() for one in classes for index in range(count)})
