"""Reads the superblock of HDF5 files: whether a file is one, and whole. What it holds is not read."""

import struct
from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.errors import FileFlawError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WIDTHS = {2: "H", 4: "I", 8: "Q"}
_FIRST_USER_BLOCK = 512
_HEAD = 96


@dataclass(frozen=True)
class Superblock:
    """The head of an HDF5 file.

    Attributes:
        version: of the superblock, 0 to 3.
        end: how many bytes the file must have at least.
    """

    version: int
    end: int


def read_superblock(path: Path) -> Superblock:
    """The head of a file.

    Raises:
        FileFlawError: it is no HDF5 file, is of an unknown version, or cut off.
    """
    size = path.stat().st_size
    found = _find(path, size)
    if found is None:
        raise FileFlawError(path.name, "is not an HDF5 file", "Write it with HDF5, e.g. h5py.")
    offset, head = found
    try:
        block = _superblock(head)
    except (struct.error, KeyError):
        fault = "has a superblock that is damaged or of an unknown version"
        raise FileFlawError(path.name, fault, "Write it again with HDF5, e.g. h5py.") from None
    if offset + block.end > size:
        fault = f"is cut off: it has {size} of {offset + block.end} bytes"
        raise FileFlawError(path.name, fault, "Upload the whole file.")
    return block


def _find(path: Path, size: int) -> tuple[int, bytes] | None:
    """The superblock is at the start, or after a block of the user's own whose size is a power of two."""
    offset = 0
    with path.open("rb") as file:
        while offset < size:
            file.seek(offset)
            head = file.read(_HEAD)
            if head.startswith(_SIGNATURE):
                return offset, head
            offset = offset * 2 or _FIRST_USER_BLOCK
    return None


def _superblock(head: bytes) -> Superblock:
    version = head[8] if len(head) > 8 else None
    if version in (0, 1):
        width = struct.unpack_from("B", head, 13)[0]
        start = 24 if version == 0 else 28
    elif version in (2, 3):
        width = struct.unpack_from("B", head, 9)[0]
        start = 12
    else:
        raise KeyError(version)
    # Four addresses follow; the third is where the file ends, counted from the superblock.
    return Superblock(version, struct.unpack_from(f"<4{_WIDTHS[width]}", head, start)[2])
