"""By which suffixes images and videos are known, as plain data: layouts are made of them."""

from collections.abc import Iterable

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
VIDEO_SUFFIXES = frozenset({".avi", ".mkv", ".mov", ".mp4", ".webm"})


def patterns(suffixes: Iterable[str]) -> tuple[str, ...]:
    """Patterns of a layout that files of these suffixes match, in small or in capital letters."""
    return tuple(f"*{form}" for suffix in sorted(suffixes) for form in (suffix, suffix.upper()))
