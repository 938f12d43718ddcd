"""Reads the headers of NIfTI volumes, versions 1 and 2, plain or compressed. Voxels are not read."""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from tunesmith.data.errors import FileFlawError

SUFFIXES = (".nii", ".nii.gz")

_CHUNK = 1 << 20
_HEADER = 544
_REMEDY = "Write the volume again as NIfTI (.nii or .nii.gz), or remove it from the list."


@dataclass(frozen=True)
class Volume:
    """What a header says: the length of each axis, and how many bytes the plain file has."""

    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class _Version:
    """Where a header of one version says what, and in which of struct's types."""

    size: int
    magic: bytes
    magic_at: int
    dims: str
    dims_at: int
    bits_at: int
    start: str
    start_at: int


_VERSIONS = (
    _Version(348, b"n+1\0", 344, "h", 40, 72, "f", 108),
    _Version(540, b"n+2\0", 4, "q", 16, 14, "q", 168),
)


def is_nifti(path: Path) -> bool:
    """Whether the file's name says that it is a NIfTI volume."""
    return path.name.lower().endswith(SUFFIXES)


def read_volume(path: Path) -> Volume:
    """The header of a volume, which is known to be whole.

    Raises:
        FileFlawError: it is no NIfTI volume, or cut off.
    """
    compressed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            volume = _volume(path, file.read(_HEADER))
        whole = _is_whole_gzip(path, volume.size) if compressed else path.stat().st_size >= volume.size
    except (OSError, EOFError, zlib.error, struct.error):
        raise FileFlawError(path.name, "is no whole NIfTI volume", _REMEDY) from None
    if not whole:
        raise FileFlawError(path.name, f"is cut off: its header promises {volume.size} bytes", _REMEDY)
    return volume


def _volume(path: Path, head: bytes) -> Volume:
    for order in "<>":
        (kind,) = struct.unpack_from(f"{order}i", head)
        for version in _VERSIONS:
            if kind == version.size and head[version.magic_at : version.magic_at + 4] == version.magic:
                dims = struct.unpack_from(f"{order}8{version.dims}", head, version.dims_at)
                (bits,) = struct.unpack_from(f"{order}h", head, version.bits_at)
                (start,) = struct.unpack_from(f"{order}{version.start}", head, version.start_at)
                return _checked(path, dims, bits, start)
    raise FileFlawError(path.name, "is no NIfTI volume", _REMEDY)


def _checked(path: Path, dims: tuple[int, ...], bits: int, start: float) -> Volume:
    shape = dims[1 : dims[0] + 1] if 1 <= dims[0] <= 7 else ()
    if not shape or min(shape) < 1 or bits < 1 or not 0 <= start < 1 << 40:
        raise FileFlawError(path.name, f"has a damaged header: axes of the lengths {dims[1:4]}", _REMEDY)
    return Volume(shape, int(start) + (math.prod(shape) * bits + 7) // 8)


def _is_whole_gzip(path: Path, size: int) -> bool:
    """By the length that the archive ends with; where that says something else, by unpacking it."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        if struct.unpack("<I", file.read(4))[0] == size % (1 << 32):
            return True
    found = 0
    with gzip.open(path) as unpacked:
        while found < size and (chunk := unpacked.read(_CHUNK)):
            found += len(chunk)
    return found >= size
