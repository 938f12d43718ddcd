"""How numpy's arrays and numbers are written in pickles, told by names and arguments; nothing is called."""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_KNOWN = {
    **{(module, "_reconstruct"): "array" for module in _MULTIARRAY},
    **{(module, "scalar"): "scalar" for module in _MULTIARRAY},
    **{(module, "_frombuffer"): "buffer" for module in _NUMERIC},
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("__builtin__", "bytes"): "bytes",
}
_CODES = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|[US][1-9][0-9]{0,4})")


class RefusedPickleError(ValueError):
    """A pickle that is damaged, or holds what is not read; the message follows the file's name."""


@dataclass(frozen=True)
class Name:
    """A known name of a module."""

    what: str


@dataclass
class Type:
    """A dtype: as its string, e.g. i8, and <i8 once its state is set."""

    code: str


@dataclass
class Array:
    """An array; its value comes with its state."""

    value: "np.ndarray[Any, Any] | None" = None


def known(module: Any, attribute: Any) -> Name:
    """What a name stands for.

    Raises:
        RefusedPickleError: it is none of numpy's.
    """
    if not isinstance(module, str) or not isinstance(attribute, str):
        raise RefusedPickleError("is not a whole pickle")
    if (module, attribute) not in _KNOWN:
        raise RefusedPickleError(f"names {module[:60]}.{attribute[:60]}, which is not read")
    return Name(_KNOWN[module, attribute])


class Maker:
    """Makes the arrays of one pickle. All their bytes together are limited: a pickle may repeat itself."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def make(self, function: Any, arguments: Any) -> Any:
        """What a call gives.

        Raises:
            RefusedPickleError: it is not one of those that make numpy's values.
        """
        match function, arguments:
            case Name("array"), (Name("ndarray"), tuple(), _):
                return Array()
            case Name("dtype"), (str() as code, *_):
                return Type(code)
            case Name("scalar"), (Type(code), raw):
                return self._array(raw, code, (), "C").item()
            case Name("buffer"), (raw, Type(code), tuple() as shape, "C" | "F" as order):
                return self._array(raw, code, shape, order)
            case Name("encode"), (str() as text, "latin1" | "latin-1"):
                return self._bytes(text)
            case Name("bytes"), ():  # how protocols before 3 write no bytes at all
                return b""
        raise RefusedPickleError("calls something else than numpy's constructors")

    def set_state(self, target: Any, state: Any) -> None:
        """Complete a dtype or an array. Raises as `make`."""
        match target, state:
            case Type(code), (int(), "<" | ">" | "|" | "=" as order, None, None, None, *_):
                target.code = order + code.lstrip("<>|=")
            case Array(), (int(), tuple() as shape, Type(code), bool() | int() as fortran, raw):
                target.value = self._array(raw, code, shape, "F" if fortran else "C")
            case _:
                raise RefusedPickleError("sets the state of something else than an array of numbers")

    def _array(self, raw: Any, code: str, shape: tuple[Any, ...], order: str) -> "np.ndarray[Any, Any]":
        if not _CODES.fullmatch(code):
            raise RefusedPickleError(f"holds an array of the type {code:.20}, which is not read")
        data, dtype = self._bytes(raw), np.dtype(code)
        sizes = all(isinstance(length, int) and 0 <= length <= len(data) for length in shape)
        if not sizes or len(shape) > 8 or math.prod(shape) * dtype.itemsize != len(data):
            raise RefusedPickleError("holds an array whose size does not fit its data")
        array = np.ndarray(shape, dtype, buffer=data, order="F" if order == "F" else "C")
        if dtype.kind == "U":
            _require_text(array)
        return array

    def _bytes(self, raw: Any) -> bytes:
        if not isinstance(raw, bytes | bytearray | str):
            raise RefusedPickleError("holds an array without data")
        self._left -= len(raw)
        if self._left < 0:
            raise RefusedPickleError("repeats its data too often")
        try:
            return raw.encode("latin-1") if isinstance(raw, str) else bytes(raw)
        except UnicodeEncodeError:
            raise RefusedPickleError("holds an array whose data are no bytes") from None


def _require_text(array: "np.ndarray[Any, Any]") -> None:
    try:
        array.tolist()
    except ValueError:
        raise RefusedPickleError("holds an array of texts with impossible characters") from None
