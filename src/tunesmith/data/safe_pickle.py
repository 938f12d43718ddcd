"""Reads pickles that strangers made, without running what they say.

A pickle is a program; its usual reader imports and calls whatever the program names. This one carries out the
part of the language that builds lists, tuples, texts, numbers and arrays of numbers, itself. No name is ever
imported and nothing is called: numpy's own constructors are recognised by their names and arguments.
"""

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tunesmith.data.errors import FileFlawError
from tunesmith.data.pickled_numpy import Array, Maker, Name, RefusedPickleError, Type, known

SIZE_LIMIT = 256 << 20
MOST_STEPS = 4_000_000
"""A step may make an object of some 60 bytes from one byte of the file: this bounds memory and time."""

_BROKEN = "is not a whole pickle"
_NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_TEXTS = {
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_VALUES = frozenset(_NUMBERS | _TEXTS)
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


class _Mark:
    """Where the items of a list or tuple begin on the stack."""


def read_pickle(path: Path, limit: int = SIZE_LIMIT) -> Any:
    """What a pickle holds: lists, tuples, texts, bytes, numbers, booleans, None, and numpy arrays of numbers.

    Raises:
        FileFlawError: it is larger than `limit` bytes, no pickle, damaged, or holds anything else.
    """
    size = path.stat().st_size
    if size > limit:
        fault = f"has {size >> 20} MB, more than {limit >> 20}"
        raise FileFlawError(path.name, fault, "Split the dataset, or store shorter names.")
    try:
        return loads(path.read_bytes())
    except RefusedPickleError as error:
        remedy = "Write it by pickle.dump with lists of texts and whole numbers alone."
        raise FileFlawError(path.name, str(error), remedy) from None


def loads(data: bytes) -> Any:
    """As `read_pickle`, from memory.

    Raises:
        RefusedPickleError: the message says what is wrong, to follow a file's name.
    """
    machine = _Machine()
    steps = pickletools.genops(data)
    for _ in range(MOST_STEPS):
        try:
            operation, argument, _position = next(steps)
        except (ValueError, StopIteration, OverflowError, IndexError, SyntaxError):
            raise RefusedPickleError(_BROKEN) from None
        if operation.name == "STOP":
            return _finished(machine.pop())
        machine.step(operation.name, argument)
    raise RefusedPickleError(f"has more than {MOST_STEPS} steps")


class _Machine:
    """The stack and the memory of a pickle that is carried out."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._maker = Maker(SIZE_LIMIT)

    def pop(self) -> Any:
        """Take the top of the stack."""
        if not self._stack or isinstance(self._stack[-1], _Mark):
            raise RefusedPickleError(_BROKEN)
        return self._stack.pop()

    def step(self, name: str, argument: Any) -> None:
        """Carry out one operation."""
        if name in _VALUES:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in _IDLE:
            raise RefusedPickleError(f"holds what is neither list, text nor number ({name})")

    def mark(self, _argument: Any) -> None:
        """The next items are one list's or one tuple's."""
        self._stack.append(_Mark())

    def drop(self, _argument: Any) -> None:
        """Forget the top."""
        self.pop()

    def empty_list(self, _argument: Any) -> None:
        """Begin a list."""
        self._stack.append([])

    def list_of_items(self, _argument: Any) -> None:
        """A list of the items since the mark."""
        self._stack.append(self._items())

    def tuple_of_items(self, _argument: Any) -> None:
        """A tuple of the items since the mark."""
        self._stack.append(tuple(self._items()))

    def append(self, _argument: Any) -> None:
        """Add the top to the list below it."""
        self._extend([_plain(self.pop())])

    def append_items(self, _argument: Any) -> None:
        """Add the items since the mark to the list below them."""
        self._extend(self._items())

    def tuple_of(self, count: int) -> None:
        """A tuple of the topmost items."""
        items = [_plain(self.pop()) for _ in range(count)]
        self._stack.append(tuple(reversed(items)))

    def remember(self, key: int | None) -> None:
        """Keep the top under a key, or under the next one."""
        self._memo[len(self._memo) if key is None else key] = self._top()

    def recall(self, key: int) -> None:
        """Take what was kept under a key."""
        if key not in self._memo:
            raise RefusedPickleError(_BROKEN)
        self._stack.append(self._memo[key])

    def name(self, argument: str | None) -> None:
        """A known name: given, or from the stack."""
        if argument is None:
            attribute, module = self.pop(), self.pop()
        else:
            module, attribute = argument.split(" ", 1)
        self._stack.append(known(module, attribute))

    def call(self, _argument: Any) -> None:
        """What numpy's constructor would make of its arguments."""
        arguments, function = self.pop(), self.pop()
        self._stack.append(self._maker.make(function, arguments))

    def build(self, _argument: Any) -> None:
        """Complete an array or a dtype."""
        state = self.pop()
        self._maker.set_state(self._top(), state)

    def _top(self) -> Any:
        top = self.pop()
        self._stack.append(top)
        return top

    def _items(self) -> list[Any]:
        items = []
        while self._stack and not isinstance(self._stack[-1], _Mark):
            items.append(_plain(self._stack.pop()))
        if not self._stack:
            raise RefusedPickleError(_BROKEN)
        self._stack.pop()
        return items[::-1]

    def _extend(self, items: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise RefusedPickleError(_BROKEN)
        target.extend(items)


_IDLE = frozenset({"PROTO", "FRAME"})
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "EMPTY_LIST": _Machine.empty_list,
    "LIST": _Machine.list_of_items,
    "TUPLE": _Machine.tuple_of_items,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.append_items,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name),
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
}


def _plain(value: Any) -> Any:
    """An array that is made, as itself."""
    return value.value if isinstance(value, Array) and value.value is not None else value


def _finished(result: Any) -> Any:
    """The result, once it is sure that nothing half made is in it."""
    todo, seen = [_plain(result)], set()
    while todo:
        value = todo.pop()
        if isinstance(value, Name | Type | Array):
            raise RefusedPickleError("holds a type, and not values alone")
        if isinstance(value, list | tuple) and id(value) not in seen:
            seen.add(id(value))
            todo.extend(value)
    return _plain(result)
