"""Leaves work behind that does not come back: a store that hangs must not hold a stop request up."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from tunesmith.training.failures import StoppedError

T = TypeVar("T")

_POLL_SECONDS = 0.1
_FAREWELL_SECONDS = 0.5


def interruptible(work: Callable[[], T], stop: threading.Event) -> T:
    """The result of `work`, or what it raises.

    It runs in a thread of its own, a daemon, which ends with the process if it is left behind. Work that
    asks for the stop itself has a moment to end in order.

    Raises:
        StoppedError: the stop was asked for, and the work has not ended.
    """
    future: Future[T] = Future()
    threading.Thread(target=_do, args=(work, future), name="interruptible", daemon=True).start()
    while not wait([future], timeout=_POLL_SECONDS).done:
        if stop.is_set() and not wait([future], timeout=_FAREWELL_SECONDS).done:
            raise StoppedError
    return future.result()


def _do(work: Callable[[], T], future: "Future[T]") -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
        future.set_exception(error)
