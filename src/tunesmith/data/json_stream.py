"""Reads large JSON files entry by entry: of the lists in it, only one entry at a time is in memory."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from io import TextIOBase
from itertools import count
from pathlib import Path
from typing import Any

from tunesmith.data.errors import FileFlawError
from tunesmith.data.text_files import printable

_CHUNK = 1 << 20
_LONGEST_VALUE = 256 << 20
_NEAR_END = 20
_REMEDY = "Write it as JSON; if it was cut off on its way, upload it again."

OnChunk = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of the file: an entry of a list at `place`, or, if that is None, the whole value of the key."""

    key: str
    place: int | None
    value: Any


def ignore_chunk() -> None:
    """Do nothing: nobody wants to know how far the reading is."""


def read_entries(path: Path, lists: Collection[str], on_chunk: OnChunk = ignore_chunk) -> Iterator[Entry]:
    """The values of the JSON object that a file holds, in its order.

    The keys in `lists` give their entries one by one, if they are lists; other keys give their whole value.
    `on_chunk` is called after each megabyte; what it raises ends the reading.

    Raises:
        FileFlawError: the file is missing, no UTF-8 text or no JSON object; or has a key twice, or a value
            that is nested too deep or longer than 256 million characters.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _Reader(path.name, file, on_chunk).entries(lists)
    except UnicodeDecodeError as error:
        fault = f"is not UTF-8 text ({error.reason})"
        raise FileFlawError(path.name, fault, "Save it as UTF-8 text.") from None
    except (FileNotFoundError, IsADirectoryError):
        raise FileFlawError(path.name, "is no file", "Add it to the dataset.") from None


class _Reader:
    """One file, read once. `_where` says in words how far the reading is, for faults."""

    def __init__(self, name: str, file: TextIOBase, on_chunk: OnChunk) -> None:
        self._name = name
        self._file = file
        self._on_chunk = on_chunk
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._ended = False
        self._where = "at its beginning"

    def entries(self, lists: Collection[str]) -> Iterator[Entry]:
        self._expect("{", "does not begin with {: it is no JSON object")
        seen: set[str] = set()
        for key in self._keys():
            if key in seen:
                fault = f"has the key {printable(key)!r} twice"
                raise FileFlawError(self._name, fault, "Merge the two.")
            seen.add(key)
            if key in lists and self._peek() == "[":
                yield from self._list(key)
            else:
                yield Entry(key, None, self._value())
            self._where = f"after {printable(key)!r}"
        if self._peek():
            raise FileFlawError(self._name, "goes on after the end of its JSON object", _REMEDY)

    def _keys(self) -> Iterator[str]:
        if self._skip("}"):
            return
        while True:
            key = self._value()
            if not isinstance(key, str):
                raise self._flaw("a key that is no text")
            self._expect(":")
            yield key
            if self._skip("}"):
                return
            self._expect(",")

    def _list(self, key: str) -> Iterator[Entry]:
        self._expect("[")
        if self._skip("]"):
            return
        for place in count():
            self._where = f"in {key}[{place}]"
            yield Entry(key, place, self._value())
            self._where = f"after {key}[{place}]"
            if self._skip("]"):
                return
            self._expect(",")

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or len(self._text) - self._at > _LONGEST_VALUE or self._is_certain(error):
                    raise self._flaw(error.msg) from None
            except ValueError:
                raise self._flaw("a number with too many digits") from None
            except RecursionError:
                raise self._flaw("a value that is nested too deep") from None
            else:
                if self._ended or self._is_whole(end):
                    self._at = end
                    return value
            self._read_on()

    def _is_whole(self, end: int) -> bool:
        """Whether a value that seems to end here does: of 1.5 the text at hand may show the 1 alone."""
        return end + _NEAR_END < len(self._text) or self._text[end : end + 1] not in {"", ".", "e", "E"}

    def _is_certain(self, error: json.JSONDecodeError) -> bool:
        """Whether no further text could help: what is merely cut off fails at the end, or as a string."""
        return error.pos + _NEAR_END < len(self._text) and "string" not in error.msg

    def _expect(self, sign: str, fault: str = "") -> None:
        if not self._skip(sign):
            if fault:
                raise FileFlawError(self._name, fault, _REMEDY)
            raise self._flaw(f"no {sign} where one is expected" if self._peek() else "it is cut off")

    def _skip(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True

    def _peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                if (sign := self._text[self._at]) not in " \t\r\n":
                    return sign
                self._at += 1
            if self._ended:
                return ""
            self._read_on()

    def _read_on(self) -> None:
        rest = self._text[self._at :]
        more = self._file.read(max(_CHUNK, len(rest)))
        self._ended = not more
        self._text, self._at = rest + more, 0
        self._on_chunk()

    def _flaw(self, what: str) -> FileFlawError:
        return FileFlawError(self._name, f"is not JSON {self._where}: {what}", _REMEDY)
