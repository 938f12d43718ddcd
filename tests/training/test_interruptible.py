"""Work that may hang does not hold a stop up."""

import threading

import pytest

from tunesmith.training.failures import StoppedError
from tunesmith.training.interruptible import interruptible


def test_the_result_and_the_error_come_back():
    assert interruptible(lambda: 3, threading.Event()) == 3
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0, threading.Event())


def test_work_that_hangs_is_left_behind():
    stop, never = threading.Event(), threading.Event()

    def work() -> None:
        stop.set()
        never.wait()

    with pytest.raises(StoppedError):
        interruptible(work, stop)
    never.set()


def test_work_that_notices_the_stop_ends_in_its_own_way():
    stop = threading.Event()

    def work() -> str:
        stop.set()
        return "in order"

    assert interruptible(work, stop) == "in order"
