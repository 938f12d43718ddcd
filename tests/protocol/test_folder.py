"""The job folder: what one process writes, another reads, whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from tests.disks import fill, may_mount, small_disk

from tunesmith.protocol import (
    Cause,
    Done,
    EventTail,
    Failed,
    Heartbeat,
    JobFolder,
    JobRequest,
    Metrics,
    Progress,
    Started,
)

WRITER = """
import sys
from pathlib import Path
from tunesmith.protocol import JobFolder, Progress

folder = JobFolder(Path(sys.argv[1]))
count = 0
while True:
    count += 1
    folder.append(Progress(epoch=count, message="x" * 500))
    if count == 200:
        print(flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    folder = JobFolder(tmp_path / "job")
    folder.create(JobRequest(job_id=uuid4(), action="train", specs={"train": {"num_epochs": 3}}))
    return folder


def test_the_request_comes_back_as_written(folder):
    assert folder.request().specs == {"train": {"num_epochs": 3}}


def test_events_are_read_once_in_order(folder):
    tail = EventTail(folder)
    folder.append(Started(pid=1, host="here"))
    assert [event.kind for event in tail.read()] == ["started"]
    folder.append(Progress(epoch=1, max_epoch=2))
    folder.append(Done(outcome={"accuracy": 0.5}))
    assert [event.kind for event in tail.read()] == ["progress", "done"]
    assert list(tail.read()) == []


def test_reading_goes_on_from_an_offset(folder):
    folder.append(Heartbeat())
    first = EventTail(folder)
    list(first.read())
    folder.append(Done())
    assert [event.kind for event in EventTail(folder, first.offset).read()] == ["done"]


def test_values_that_are_not_finite_are_null(folder):
    folder.append(Metrics(values={"loss": float("nan"), "accuracy": 1.0, "rate": float("-inf")}))
    assert "NaN" not in folder.events_path.read_text()
    (event,) = EventTail(folder).read()
    assert isinstance(event, Metrics)
    assert event.values == {"loss": None, "accuracy": 1.0, "rate": None}


def test_half_a_line_waits_and_never_spoils_the_next(folder):
    tail = EventTail(folder)
    with folder.events_path.open("a") as events:
        events.write('{"kind": "prog')
    assert list(tail.read()) == []
    folder.create(folder.request())
    folder.append(Done())
    assert [event.kind for event in tail.read()] == ["done"]


def test_a_reader_beside_a_killed_writer_sees_whole_events_only(folder):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder.root)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    epochs = [event.epoch for event in EventTail(folder).read() if isinstance(event, Progress)]
    assert len(epochs) >= 200
    assert epochs == list(range(1, len(epochs) + 1))


def test_the_tail_of_a_log_that_is_not_there_is_empty(folder):
    assert folder.log_tail() == []
    folder.log_path.write_bytes("\n".join(f"line {n}" for n in range(100)).encode() + b"\n\xff")
    assert folder.log_tail(2) == ["line 99", "\ufffd"]


FAILED = Failed(cause=Cause.STORAGE, message="The disk is full.")


def assert_only_the_end_is_written(folder: JobFolder) -> None:
    with pytest.raises(OSError, match="No space left"):
        folder.append(Progress(epoch=1, message="x" * 5000))
    assert folder.reserve_path.exists()
    folder.append(FAILED)
    assert list(EventTail(folder).read()) == [FAILED]


def test_how_a_job_ended_is_written_on_a_full_disk_in_the_place_of_a_reserve(folder, monkeypatch):
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if not folder.reserve_path.exists():
            return write(descriptor, data)
        if len(data) > 10:
            return write(descriptor, data[:10])  # the last bytes of the last block
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    assert_only_the_end_is_written(folder)


if may_mount():

    def test_a_disk_that_is_really_full_takes_how_a_job_ended(tmp_path):
        with small_disk(tmp_path / "disk", 1 << 20):
            folder = JobFolder(tmp_path / "disk" / "job")
            folder.create(JobRequest(job_id=uuid4(), action="train"))
            fill(tmp_path / "disk")
            assert_only_the_end_is_written(folder)
