"""Asking again until something has happened."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from tunesmith.client.errors import WaitTimeoutError

StateT = TypeVar("StateT")


def states(
    look: Callable[[], StateT], *, what: str, interval: float, timeout: float | None
) -> Iterator[StateT]:
    """What `look` sees: at once, then every `interval` seconds, each state that differs from the last.

    The caller stops by leaving the loop.

    Raises:
        WaitTimeoutError: `timeout` seconds have passed.
    """
    start = time.monotonic()
    last: StateT | None = None
    while True:
        state = look()
        if state != last:
            yield state
            last = state
        if timeout is not None and time.monotonic() - start >= timeout:
            raise WaitTimeoutError(what, timeout)
        time.sleep(interval)
