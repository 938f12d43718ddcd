"""Tells whether videos are what their names say, without decoding them."""

from pathlib import Path

from tunesmith.data.errors import FileFlawError
from tunesmith.data.mp4 import read_video
from tunesmith.data.suffixes import VIDEO_SUFFIXES

_REMEDY = "Write the video again, e.g. with ffmpeg, or remove it."


def is_video(path: Path) -> bool:
    """Whether the file's name says that it is a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def check_video(path: Path) -> None:
    """Look at the head of a video; MP4 and MOV files are also known to be whole.

    Raises:
        FileFlawError: it is empty, cut off, or of another kind than its suffix says.
    """
    suffix = path.suffix.lower()
    if suffix in (".mp4", ".mov"):
        read_video(path)
        return
    with path.open("rb") as file:
        head = file.read(12)
    kind = head.startswith(b"\x1a\x45\xdf\xa3")
    if suffix == ".avi":
        kind = head.startswith(b"RIFF") and head[8:] == b"AVI "
    if not kind:
        fault = f"is not a {suffix} file" if head else "is empty"
        raise FileFlawError(path.name, fault, _REMEDY)
