"""Trackers that fail, hang and lag, and a training that does not notice."""

import math
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tunesmith.training.engine.sinks import background
from tunesmith.training.engine.sinks.background import Background
from tunesmith.training.engine.sinks.base import Ending, Point
from tunesmith.training.engine.sinks.several import Sinks
from tunesmith.training.failures import StoppedError


class Tracker:
    """Does as it is told when it is used, and remembers what it got."""

    name = "A tracker"

    def __init__(self) -> None:
        self.got: list[Point] = []
        self.ending: Ending | None = None
        self.fails = ""
        self.goes_on = threading.Event()
        self.goes_on.set()

    def open(self) -> None:
        self.goes_on.wait()
        if self.fails == "open":
            raise RuntimeError(
                "no such project, says https://ada:hunter2@tracker.example with key s3cret-key"
            )

    def record(self, point: Point) -> None:
        self.goes_on.wait()
        if self.fails == "record":
            raise OSError("gone")
        self.got.append(point)

    def close(self, ending: Ending) -> None:
        self.goes_on.wait()
        self.ending = ending


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    tracker = Tracker()
    yield tracker
    tracker.goes_on.set()


@pytest.fixture
def notes() -> list[str]:
    return []


def behind(tracker: Tracker, notes: list[str]) -> Background:
    return Background(tracker, notes.append, frozenset({"s3cret-key"}))


@pytest.mark.parametrize(
    ("error", "ending"),
    [(None, Ending.FINISHED), (StoppedError(), Ending.STOPPED), (ValueError(), Ending.FAILED)],
)
def test_every_point_arrives_and_then_the_end(tracker: Tracker, notes: list[str], error, ending):
    sinks = Sinks([behind(tracker, notes)])
    with sinks:
        for epoch in range(1, 4):
            sinks.record(epoch, {"loss": 1 / epoch, "odd": math.nan})
        if error is None:
            pass
        else:
            sinks.__exit__(type(error), error, None)
    assert [(point.epoch, dict(point.values)) for point in tracker.got] == [
        (1, {"loss": 1.0}),
        (2, {"loss": 0.5}),
        (3, {"loss": 1 / 3}),
    ]
    assert tracker.ending is ending
    assert notes == []


@pytest.mark.parametrize("fails", ["open", "record"])
def test_one_that_fails_is_left_out_with_one_note_that_tells_no_secret(
    tracker: Tracker, notes: list[str], fails: str
):
    tracker.fails = fails
    sink = behind(tracker, notes)
    for epoch in range(5):
        sink.record(Point(epoch, {}))
    sink.close(Ending.FINISHED)
    sink.record(Point(6, {}))
    (note,) = notes
    assert note.startswith("A tracker is left out from here on: ")
    assert "hunter2" not in note
    assert "s3cret-key" not in note


def test_one_that_hangs_is_left_behind(tracker: Tracker, notes: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(background.PATIENCE, Ending.FINISHED, 0.01)
    tracker.goes_on.clear()
    sink = behind(tracker, notes)
    sink.record(Point(1, {}))
    sink.close(Ending.FINISHED)
    assert notes == ["A tracker did not answer in time: the last of the curves may not be there."]
    sink.close(Ending.FINISHED)
    assert len(notes) == 1


def test_one_that_opens_after_a_short_training_still_gets_its_curves(
    tracker: Tracker, notes: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(background, "UNHEARD_PATIENCE", 0.01)
    monkeypatch.setitem(background.PATIENCE, Ending.FINISHED, 120.0)
    tracker.goes_on.clear()
    sink = behind(tracker, notes)
    sink.record(Point(1, {}))
    threading.Timer(0.5, tracker.goes_on.set).start()
    sink.close(Ending.FINISHED)
    assert [point.epoch for point in tracker.got] == [1]
    assert notes == []


def test_one_that_never_opened_in_a_long_training_is_not_waited_for(
    tracker: Tracker, notes: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(background, "UNHEARD_PATIENCE", 0.01)
    tracker.goes_on.clear()
    sink = behind(tracker, notes)
    later = time.monotonic() + 3600
    monkeypatch.setattr(background, "time", SimpleNamespace(monotonic=lambda: later))
    sink.close(Ending.FINISHED)
    assert notes == ["A tracker did not answer in time: the last of the curves may not be there."]


def test_one_that_lags_loses_points_and_not_the_training_its_time(
    tracker: Tracker, notes: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(background, "ROOM", 2)
    tracker.goes_on.clear()
    sink = behind(tracker, notes)
    for epoch in range(100):
        sink.record(Point(epoch, {}))
    assert notes == ["A tracker does not keep up: some of the curves are not there."]
    sink.close(Ending.FINISHED)  # there is no room for the end either
    assert len(notes) == 1
