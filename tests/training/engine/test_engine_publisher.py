"""Publishing beside the training: never twice at a time, nothing lost, errors raised."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest

from tunesmith.protocol import EventTail, JobFolder, JobRequest, Note
from tunesmith.storage.errors import StorageError, StoreUnavailableError
from tunesmith.training.engine import publisher as module
from tunesmith.training.engine.publisher import Publisher
from tunesmith.training.failures import StoppedError
from tunesmith.training.run import Run


class SlowRun(Run):
    """A job with a store that is slow, counts, and can be held up or broken."""

    def __init__(self, folder: Path) -> None:
        job = JobFolder(folder)
        job.create(JobRequest(job_id=uuid4(), action="train"))
        self.stop = threading.Event()
        super().__init__(job, stop=self.stop)
        self.calls, self.at_once, self.most_at_once = 0, 0, 0
        self.free = threading.Event()
        self.began = threading.Event()
        self.errors: list[Exception] = []

    def upload(self, uploads):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.began.set()
        self.free.wait(10)
        self.calls += 1
        self.at_once -= 1
        super().upload(uploads)
        if self.errors:
            raise self.errors.pop(0)

    @property
    def notes(self) -> list[str]:
        return [event.message for event in EventTail(self.folder).read() if isinstance(event, Note)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    return SlowRun(tmp_path)


def test_what_is_asked_for_while_one_runs_is_published_once_afterwards(run):
    publisher = Publisher(run)
    publisher.ask()
    run.began.wait(10)
    for _ in range(5):
        publisher.ask()
    run.free.set()
    publisher.finish()
    assert run.calls in {2, 3}  # the end asks too: the call that waited may have begun by then
    assert run.most_at_once == 1


def test_an_error_that_lasts_comes_out_at_the_end(run):
    run.errors = [StorageError("permission was refused")]
    run.free.set()
    with pytest.raises(StorageError, match="permission was refused"):
        Publisher(run).finish()


def test_an_error_that_lasts_comes_out_at_the_next_request(run):
    run.errors = [OSError("the disk is broken")]
    run.free.set()
    publisher = Publisher(run)
    publisher.ask()
    publisher.leave()  # waits until the call has failed
    with pytest.raises(OSError, match="the disk is broken"):
        publisher.ask()


def test_a_store_that_does_not_answer_is_told_once_and_asked_again(run):
    run.errors = [StoreUnavailableError("The store is away.") for _ in range(3)]
    run.free.set()
    publisher = Publisher(run)
    publisher.ask()
    publisher.finish()
    assert run.calls >= 4
    assert run.notes == [
        "The store is away. The job goes on; its results are kept here until they can be sent.",
        "The workspace answers again; the results are there.",
    ]


def test_patience_with_a_store_ends_at_the_end(run, monkeypatch):
    monkeypatch.setattr(module, "END_PATIENCE_SECONDS", 0.0)
    run.errors = [StoreUnavailableError("The store is away.")]
    run.free.set()
    with pytest.raises(StoreUnavailableError):
        Publisher(run).finish()


def test_a_stop_does_not_wait_for_a_slow_store(run, monkeypatch):
    monkeypatch.setattr(module, "STOP_PATIENCE_SECONDS", 0.01)
    publisher = Publisher(run)
    publisher.ask()
    publisher.leave()
    assert run.calls == 0
    run.stop.set()
    with pytest.raises(StoppedError):
        Publisher(run).finish()
    run.free.set()
