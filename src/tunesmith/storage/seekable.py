"""A stored file as libraries want one: to be read, and read again from any byte on."""

import io
import os
from collections.abc import Iterator

from tunesmith.storage.files import FileInfo, Files


class SeekableFile(io.BufferedIOBase):
    """Reads a file of a store as it goes: a chunk at a time is in memory, and nothing is kept on the disk.

    Reading raises `StorageError`, also if the file is no longer as it was listed.
    """

    def __init__(self, files: Files, info: FileInfo) -> None:
        self._files, self._info = files, info
        self._chunks: Iterator[bytes] | None = None
        self._rest = b""
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The byte that is read next."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on at another byte. The store is asked again when it is read."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._info.size}[whence]
        position = min(max(0, start + offset), self._info.size)
        if position != self._position:
            self._position, self._chunks, self._rest = position, None, b""
        return position

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, or all that are left."""
        wanted = self._info.size - self._position
        wanted = min(size, wanted) if size is not None and size >= 0 else wanted
        pieces = []
        while wanted > 0 and (piece := self._next(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def _next(self, most: int) -> bytes:
        if not self._rest:
            if self._chunks is None:
                self._chunks = self._files.stream(self._info, self._position)
            self._rest = next(self._chunks, b"")
        piece, self._rest = self._rest[:most], self._rest[most:]
        self._position += len(piece)
        return piece
