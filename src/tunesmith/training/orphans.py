"""Ends the processes that a worker has started when the worker is gone, however it went."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

_PR_SET_PDEATHSIG = 1
_PARENT_GONE = 1


def end_with_parent(parent: int) -> None:
    """Have this process killed when the thread that started it ends; at once if that has happened.

    For processes that a worker starts from its main thread. Only Linux can do this; elsewhere they must
    notice by themselves, as torch's data loaders do.

    Args:
        parent: the process that started this one, as it knows itself (`os.getpid()`).
    """
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(_PARENT_GONE)


def end_forks_with_this_process(let_go: Callable[[], None]) -> None:
    """Have each process that is forked from this one, or from one of those, end with its parent.

    Args:
        let_go: called in each of them, to close what only this process may hold open.
    """
    parent = [0]

    def remember() -> None:
        parent[0] = os.getpid()

    def begin() -> None:
        let_go()
        end_with_parent(parent[0])

    os.register_at_fork(before=remember, after_in_child=begin)


def _load_prctl() -> Any:
    """Looked up before any fork: a forked process should do as little as it can."""
    return ctypes.CDLL(None).prctl if sys.platform == "linux" else None


_prctl = _load_prctl()
