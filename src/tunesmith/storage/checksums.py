"""Checksums of stored files, and the list of them that `sha256sum -c` reads."""

import hashlib
from collections.abc import Mapping

from tunesmith.storage.files import FileInfo, Files

SUMS = "SHA256SUMS"
"""The usual name of such a list."""


def sha256_in(files: Files, file: str | FileInfo) -> str:
    """The SHA-256 of a stored file in hexadecimals; it is read chunk by chunk.

    Raises:
        StorageError: it cannot be read, or has changed since it was listed.
    """
    digest = hashlib.sha256()
    for chunk in files.stream(file):
        digest.update(chunk)
    return digest.hexdigest()


def sum_lines(sums: Mapping[str, str]) -> bytes:
    """The list, a line for each file, from sums in hexadecimals by name."""
    return "".join(_line(name, sums[name]) for name in sorted(sums)).encode()


def _line(name: str, digest: str) -> str:
    """As coreutils write it: a backslash in a name is doubled, and announced by one in front."""
    escaped = name.replace("\\", "\\\\")
    sign = "" if escaped == name else "\\"
    return f"{sign}{digest}  {escaped}\n"
