"""Gathers a process's memory into huge pages, so that forking it copies a fraction of the page tables."""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

_HUGE = 2 << 20
_MADV_COLLAPSE = 25  # since Linux 6.1
_MOST_BYTES = 8 * _HUGE
"""At once, so that a caller with other things to do is not kept for long."""


def gather() -> Iterator[None]:
    """Do it piece by piece, one a step. Where the kernel cannot, nothing happens.

    With torch and its companions imported, a fork and the end of its child cost a third of what they do
    with ordinary pages. A page that parent or child writes to is copied as an ordinary one.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)
    for start, size in _heaps():
        madvise(start, size, _MADV_COLLAPSE)
        yield


def _heaps() -> Iterator[tuple[int, int]]:
    """Addresses and sizes of the heap and of anonymous memory, in whole huge pages."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for addresses, access, *others in (line.split() for line in maps):
        if access != "rw-p" or others[3:] not in ([], ["[heap]"]):
            continue
        first, last = (int(address, 16) for address in addresses.split("-"))
        first, last = -(-first // _HUGE) * _HUGE, last // _HUGE * _HUGE
        for start in range(first, last, _MOST_BYTES):
            yield start, min(_MOST_BYTES, last - start)
