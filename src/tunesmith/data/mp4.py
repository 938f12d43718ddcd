"""Reads the boxes of MP4 and MOV files: whether a video is whole, its size and length. Nothing is decoded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tunesmith.data.errors import FileFlawError

_MOST_BOXES = 100_000
_REMEDY = "Write the video again as MP4, e.g. with ffmpeg, or remove it."
_VIDEO = b"vide"


@dataclass(frozen=True)
class Video:
    """The first video track of a file.

    Attributes:
        width, height: in pixels, as it is shown; 0 if the track does not say.
        seconds: its length; 0 for a stream in fragments that does not say.
    """

    width: int
    height: int
    seconds: float


@dataclass(frozen=True)
class _Box:
    """A box: its kind, and where its content begins and ends in the file."""

    kind: bytes
    start: int
    end: int


def read_video(path: Path) -> Video:
    """What a file's header says of its video.

    Raises:
        FileFlawError: it is no MP4 or MOV file, cut off, or holds no video.
    """
    try:
        with path.open("rb") as file:
            return _Reader(path.name, file, path.stat().st_size).video()
    except struct.error:
        raise FileFlawError(path.name, "has a damaged header", _REMEDY) from None


class _Reader:
    """Walks through one file's boxes."""

    def __init__(self, name: str, file: BinaryIO, size: int) -> None:
        self._name = name
        self._file = file
        self._size = size
        self._walked = 0

    def video(self) -> Video:
        """The first video track."""
        if not self._size:
            raise self._flaw("is empty")
        boxes = {box.kind: box for box in self._boxes(_Box(b"file", 0, self._size))}
        if b"moov" not in boxes:
            raise self._flaw("has no header (moov): it is no MP4 file, or is cut off")
        if not boxes.keys() & {b"mdat", b"moof"}:
            raise self._flaw("has a header, but no content")
        seconds = 0.0
        for box in self._boxes(boxes[b"moov"]):
            if box.kind == b"mvhd":
                seconds = self._seconds(box)
            elif box.kind == b"trak" and self._is_video(box):
                width, height = self._shown_size(box)
                return Video(width, height, seconds)
        raise self._flaw("holds no video track")

    def _boxes(self, parent: _Box) -> Iterator[_Box]:
        position = parent.start
        while position + 8 <= parent.end:
            self._walked += 1
            if self._walked > _MOST_BOXES:
                raise self._flaw("has too many parts")
            size, kind = struct.unpack(">I4s", self._read(position, 8))
            start = position + 8
            if size == 1:
                (size,) = struct.unpack(">Q", self._read(start, 8))
                start += 8
            end = parent.end if size == 0 else position + size
            if end < start or end > parent.end:
                raise self._flaw("is cut off, or is no MP4 file")
            yield _Box(kind, start, end)
            position = end

    def _child(self, parent: _Box, kind: bytes) -> _Box | None:
        return next((box for box in self._boxes(parent) if box.kind == kind), None)

    def _is_video(self, track: _Box) -> bool:
        media = self._child(track, b"mdia")
        handler = self._child(media, b"hdlr") if media else None
        return handler is not None and self._read(handler.start + 8, 4) == _VIDEO

    def _seconds(self, header: _Box) -> float:
        if self._read(header.start, 1) == b"\x01":
            scale, duration = struct.unpack(">IQ", self._read(header.start + 20, 12))
        else:
            scale, duration = struct.unpack(">II", self._read(header.start + 12, 8))
        return duration / scale if scale else 0.0

    def _shown_size(self, track: _Box) -> tuple[int, int]:
        header = self._child(track, b"tkhd")
        if header is None:
            return 0, 0
        width, height = struct.unpack(">II", self._read(header.end - 8, 8))  # fixed point, 16 bits each
        return width >> 16, height >> 16

    def _read(self, position: int, size: int) -> bytes:
        self._file.seek(position)
        return self._file.read(size)

    def _flaw(self, fault: str) -> FileFlawError:
        return FileFlawError(self._name, fault, _REMEDY)
