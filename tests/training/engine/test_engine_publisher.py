"""Publishing beside the training: never twice at a time, nothing lost, errors raised."""

import threading

import pytest

from tunesmith.training.engine.publisher import Publisher


class Store:
    """A slow store, which counts and can be held up."""

    def __init__(self):
        self.calls, self.at_once, self.most_at_once = 0, 0, 0
        self.free = threading.Event()
        self.began = threading.Event()

    def publish(self):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.began.set()
        self.free.wait(10)
        self.calls += 1
        self.at_once -= 1


def test_what_is_asked_for_while_one_runs_is_published_once_afterwards():
    store = Store()
    publisher = Publisher(store.publish)
    publisher.ask()
    store.began.wait(10)
    for _ in range(5):
        publisher.ask()
    store.free.set()
    publisher.finish()
    assert (store.calls, store.most_at_once) == (2, 1)


def test_an_error_comes_out_at_the_end():
    def publish():
        raise OSError("the bucket is gone")

    publisher = Publisher(publish)
    publisher.ask()
    with pytest.raises(OSError, match="the bucket is gone"):
        publisher.finish()


def test_an_error_comes_out_at_the_next_request():
    def publish():
        raise OSError("the bucket is gone")

    publisher = Publisher(publish)
    publisher.ask()
    publisher.leave()  # waits until the call has failed
    with pytest.raises(OSError, match="the bucket is gone"):
        publisher.ask()


def test_a_stop_does_not_wait_for_a_slow_store(monkeypatch):
    monkeypatch.setattr("tunesmith.training.engine.publisher.STOP_PATIENCE_SECONDS", 0.01)
    store = Store()
    publisher = Publisher(store.publish)
    publisher.ask()
    publisher.leave()
    assert store.calls == 0
    store.free.set()
