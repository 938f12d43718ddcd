"""Looks into pulled datasets of one HDF5 file: whether it is one, and whole."""

from tunesmith.data.errors import FileFlawError
from tunesmith.data.findings import Counts
from tunesmith.data.hdf5 import read_superblock
from tunesmith.data.inside import Inside


def check(inside: Inside) -> Counts:
    """Look at the head of data.h5. What it holds is not read, and a warning says so."""
    path = inside.file("data.h5")
    try:
        block = read_superblock(path)
    except FileFlawError as flaw:
        inside.flawed("hdf5", path, flaw)
        return {}
    inside.findings.warning(
        "unread",
        "data.h5",
        "is a whole HDF5 file, but what is in it was not looked at: its contents are published nowhere",
        "Make sure yourself that it was made for the network that you train.",
    )
    return {"hdf5": {"superblock": block.version}}
