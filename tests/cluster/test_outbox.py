"""What a node's files are cut into."""

from pathlib import Path

import pytest

from tunesmith.cluster.outbox import LEAST_BYTES, Outbox
from tunesmith.protocol import MOST_EVENTS_BYTES, MOST_LOG_BYTES, Done, JobFolder, Progress, Report
from tunesmith.protocol.events import EVENT


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path)


def everything(box: Outbox) -> list[Report]:
    """All reports until there is nothing more, each of which is taken."""
    reports = []
    while (report := box.report(1)).events or report.log:
        reports.append(report)
        box.take(report.events_offset + len(report.events), report.log_offset + len(report.log))
    return reports


def test_nothing_is_reported_until_there_is_something(folder: JobFolder):
    box = Outbox(folder)
    assert box.known
    assert everything(box) == []


def test_each_byte_is_reported_once(folder: JobFolder):
    box = Outbox(folder)
    for epoch in range(3):
        folder.append(Progress(epoch=epoch))
        folder.log_path.write_bytes(b"\xff\n" * (epoch + 1))
        assert len(everything(box)) == 1
    assert not box.ended
    folder.append(Done())
    assert not box.report(1).events.startswith(b" ")
    assert not box.ended
    everything(box)
    assert box.ended


def test_a_line_is_reported_when_it_is_whole(folder: JobFolder):
    box = Outbox(folder)
    line = EVENT.dump_json(Progress(epoch=1)) + b"\n"
    folder.events_path.write_bytes(line + line[:10])
    assert [report.events for report in everything(box)] == [line]
    folder.events_path.write_bytes(line + line)
    assert [report.events for report in everything(box)] == [line]


def test_what_a_killed_worker_left_torn_is_blanked(folder: JobFolder):
    box = Outbox(folder)
    folder.append(Progress(epoch=1))
    with folder.events_path.open("ab") as file:
        file.write(b'{"kind": "prog')
    folder.end_torn_line()
    folder.append(Done())
    (report,) = everything(box)
    written = folder.events_path.read_bytes()
    assert report.events == written.replace(b'{"kind": "prog', b" " * 14)


def test_how_the_job_ended_comes_with_the_end_of_the_log(folder: JobFolder):
    box = Outbox(folder)
    folder.append(Progress(epoch=1))
    folder.append(Done())
    text = b"line\n" * (MOST_LOG_BYTES // 2)
    folder.log_path.write_bytes(text)
    reports = everything(box)
    assert [len(report.log) for report in reports] == [MOST_LOG_BYTES, MOST_LOG_BYTES, MOST_LOG_BYTES // 2]
    assert [report.events.count(b"\n") for report in reports] == [1, 0, 1]
    assert b"".join(report.log for report in reports) == text
    assert b"".join(report.events for report in reports) == folder.events_path.read_bytes()


def test_pieces_become_smaller_but_not_too_small(folder: JobFolder):
    box = Outbox(folder)
    for epoch in range(2000):
        folder.append(Progress(epoch=epoch))
    folder.log_path.write_bytes(bytes(MOST_LOG_BYTES))
    while box.cut():
        pass
    reports = everything(box)
    assert max(len(report.events) for report in reports) <= LEAST_BYTES
    assert max(len(report.log) for report in reports) == LEAST_BYTES
    assert b"".join(report.events for report in reports) == folder.events_path.read_bytes()


@pytest.mark.parametrize("long", [LEAST_BYTES, LEAST_BYTES * 3, MOST_EVENTS_BYTES + 10])
def test_a_line_that_no_report_has_room_for_is_blanked(folder: JobFolder, long: int):
    box = Outbox(folder)
    if long < MOST_EVENTS_BYTES:
        while box.cut():
            pass
    folder.append(Progress(message="x" * long))
    folder.append(Done())
    events = b"".join(report.events for report in everything(box))
    assert len(events) == folder.events_size()
    assert [bool(line.strip()) for line in events.splitlines()][-1]
    assert not events[:long].strip()


def test_a_reporter_that_comes_later_asks_first(folder: JobFolder):
    folder.append(Progress(epoch=1))
    folder.log_path.write_bytes(b"one\n")
    box = Outbox(folder)
    assert not box.known
    assert box.report(2) == Report(attempt=2)
    box.take(folder.events_size(), 2)
    assert [(report.events, report.log) for report in everything(box)] == [(b"", b"e\n")]


def test_a_log_of_gigabytes_goes_a_report_at_a_time(folder: JobFolder):
    box = Outbox(folder)
    with folder.log_path.open("wb") as log:
        log.truncate(1 << 33)
    assert len(box.report(1).log) == MOST_LOG_BYTES
    box.take(0, (1 << 33) - 5)
    assert [report.log for report in everything(box)] == [bytes(5)]
