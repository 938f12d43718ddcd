"""Checks that images can be decoded, several at a time: Pillow's decoders run beside one another."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tunesmith.data.images import flaw

ALL_UP_TO = 5000
"""Larger sets are judged by a sample of this many images: decoding a million takes hours."""

_BATCH = 64
_Item = TypeVar("_Item", Path, int)


def sample(items: Sequence[_Item], limit: int = ALL_UP_TO) -> list[_Item]:
    """All items, e.g. images, or a sample of a large set: the same one each time."""
    if len(items) <= limit:
        return list(items)
    return sorted(random.Random(0).sample(items, limit))  # noqa: S311 - repeatable, not secret


def flaws(images: Sequence[Path], on_image: Callable[[int], None]) -> Iterator[tuple[Path, str]]:
    """The images that cannot be decoded, each with the reason.

    `on_image` is called after each batch with the number of images done; what it raises ends the work.
    """
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            for path, reason in zip(batch, pool.map(flaw, batch), strict=True):
                if reason:
                    yield path, reason
            on_image(start + len(batch))
