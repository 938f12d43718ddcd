"""Reports of nodes: what is here of a node's files is their beginning, whatever comes twice or torn."""

import base64
import errno
import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.disks import enlarge, fill, may_mount, small_disk
from tests.server.resources.house import Lab, Person
from tests.server.resources.running import Running

from tunesmith.protocol import (
    MOST_EVENTS_BYTES,
    MOST_LOG_BYTES,
    Cause,
    Done,
    EventTail,
    Failed,
    Progress,
    Report,
)
from tunesmith.protocol.events import EVENT
from tunesmith.server.jobs.arrivals import ARRIVALS
from tunesmith.server.jobs.reports import report_url
from tunesmith.server.jobs.states import Status
from tunesmith.server.tables import Job

LINES = [EVENT.dump_json(Progress(epoch=number, message="é" * number)) + b"\n" for number in range(40)]
EVENTS = b"".join(LINES)
LOG = bytes(range(256)) * 10
ENDING = EVENT.dump_json(Done(message="trained")) + b"\n"


class Node:
    """Reports for an attempt of a job that runs here."""

    def __init__(self, running: Running) -> None:
        self.running = running
        house = running.house
        self.url = f"{running.lab.path}/jobs/{running.id}:report"
        token = house.signer.sign_job(running.job_id)
        self.sender = Person("node", "acme", uuid4(), uuid4(), token, house.http)
        self.attempt = self.row.attempt

    @property
    def row(self) -> Job:
        job = self.running.house.job(self.running.id)
        assert job
        return job

    def post(self, events: bytes = b"", at: int = 0, log: bytes = b"", log_at: int = 0, **fields: Any) -> Any:
        report = Report(attempt=self.attempt, events_offset=at, events=events, log_offset=log_at, log=log)
        return self.sender.ask("POST", self.url, report.model_dump(mode="json") | fields)

    def took(self, *arguments: Any, **fields: Any) -> dict[str, Any]:
        reply = self.post(*arguments, **fields)
        assert reply.status_code == 200, reply.text
        receipt: dict[str, Any] = reply.json()
        return receipt

    def here(self) -> tuple[bytes, bytes]:
        paths = self.running.folder.events_path, self.running.folder.log_path
        events, log = (path.read_bytes() if path.exists() else b"" for path in paths)
        return events, log


@pytest.fixture
def node(lab: Lab) -> Node:
    return Node(Running(lab).start())


def test_a_report_is_folded_like_what_a_worker_writes_here(node: Node):
    receipt = node.took(EVENTS, log=LOG)
    assert receipt.pop("token")
    assert receipt == {"events_offset": len(EVENTS), "log_offset": len(LOG), "held": True}
    assert node.here() == (EVENTS, LOG)
    node.running.fold()
    assert node.row.details["epoch"] == 39
    assert node.running.text == LOG


cuts = st.tuples(st.integers(0, len(LINES)), st.integers(0, len(LINES))).map(sorted)
spans = st.tuples(st.integers(0, len(LOG)), st.integers(0, len(LOG))).map(sorted)
torn = st.tuples(st.integers(0, 30), st.integers(0, 30))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(cuts, spans, torn), min_size=1, max_size=12))
def test_whatever_is_cut_repeated_missing_or_torn_the_beginning_is_here(
    lab: Lab, pieces: list[tuple[list[int], list[int], tuple[int, int]]]
):
    node = Node(Running(lab).start())
    for (first, last), (begin, end), (half, of_log) in pieces:
        at = len(b"".join(LINES[:first]))
        reply = node.post(b"".join(LINES[first:last]), at, LOG[begin:end], begin)
        events, log = node.here()
        missing = at > len(events) or begin > len(log)
        assert reply.status_code == (409 if missing else 200), reply.text
        assert EVENTS.startswith(events)
        assert LOG.startswith(log)
        sizes = {"events_offset": len(events), "log_offset": len(log)}
        assert reply.json().items() >= sizes.items()
        # The server is killed in the middle of writing what comes next.
        following = LINES[events.count(b"\n") :][:1]
        with node.running.folder.events_path.open("ab") as file:
            file.write(b"".join(following)[:half].rstrip(b"\n"))
        with node.running.folder.log_path.open("ab") as file:
            file.write(LOG[len(log) :][:of_log])
    node.took(EVENTS, log=LOG)
    assert node.here() == (EVENTS, LOG)


def test_a_torn_line_longer_than_a_block_goes(node: Node):
    node.took(LINES[0])
    with node.running.folder.events_path.open("ab") as file:
        file.write(b"x" * 200_000)
    assert node.took(EVENTS)["events_offset"] == len(EVENTS)
    assert node.here()[0] == EVENTS


def test_of_two_senders_none_writes_into_the_others_line(node: Node):
    """Each sends the same file in its own pieces, as a node does that the network has split in two."""

    def send(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        line = at = log_at = 0
        while at < len(EVENTS) or log_at < len(LOG):
            piece = b"".join(LINES[line : line + chance.randint(0, 3)])
            reply = node.post(piece, at, LOG[log_at : log_at + chance.randint(0, 90)], log_at)
            assert reply.status_code in {200, 409}, reply.text
            at, log_at = reply.json()["events_offset"], reply.json()["log_offset"]
            line = EVENTS[:at].count(b"\n")

    with ThreadPoolExecutor(4) as senders:
        list(senders.map(send, range(4)))
    assert node.here() == (EVENTS, LOG)


def test_a_missing_piece_is_asked_for_and_nothing_is_taken(node: Node):
    node.took(LINES[0], log=b"one")
    for report in ((LINES[2], len(EVENTS), b"one", 0), (LINES[1], len(LINES[0]), b"much", 4)):
        reply = node.post(*report)
        assert reply.status_code == 409
        assert reply.json()["events_offset"] == len(LINES[0])
        assert reply.json()["log_offset"] == 3
        assert f"from byte {len(LINES[0])} on" in reply.json()["error_desc"]
    assert node.here() == (LINES[0], b"one")


@pytest.mark.parametrize(
    "line", [b'{"kind": "unheard of"}\n', b"half a li", b"\xff\n", b"[]\n", b'{"kind": "done"} {}\n', b"\0\n"]
)
def test_what_is_no_event_is_refused_and_nothing_is_taken(node: Node, line: bytes):
    reply = node.post(LINES[0] + line, log=b"text")
    assert reply.status_code == 400
    assert "events" in reply.json()["error_desc"]
    assert node.here() == (b"", b"")


def test_a_blank_line_stands_for_one_that_was_torn(node: Node):
    events = LINES[0] + b"     \n" + ENDING
    node.took(events)
    assert [event.kind for event in EventTail(node.running.folder).read()] == ["progress", "done"]


def test_more_than_a_report_may_hold_is_refused(node: Node):
    blank = b" " * MOST_EVENTS_BYTES
    assert node.post(blank + b"\n").status_code == 413
    assert node.post(log=bytes(MOST_LOG_BYTES + 1)).status_code == 413
    assert node.here() == (b"", b"")
    node.took(blank[:-1] + b"\n", log=bytes(MOST_LOG_BYTES))


@pytest.mark.parametrize("offset", [-1, 2**53, "x", 1.5, None])
def test_offsets_that_are_none_are_refused(node: Node, offset: Any):
    assert node.post(events_offset=offset).status_code == 400


def test_an_attempt_that_is_over_reports_no_more(node: Node):
    node.took(LINES[0], log=b"one\n")
    node.running.start()
    late = node.post(LINES[1], len(LINES[0]), b"late", 4)
    assert late.status_code == 409
    assert late.json()["error_desc"] == (
        f"Attempt 1 of job {node.running.id} takes no more reports: the job is at attempt 2. "
        "End the worker of this one"
    )
    assert "events_offset" not in late.json()
    following = Node(node.running)
    following.took(LINES[5], log=b"two\n")
    assert node.here() == (LINES[0] + LINES[5], b"one\ntwo\n")
    node.running.fold()
    assert node.running.text == b"one\n--- attempt 2 ---\ntwo\n"


def test_a_folder_that_lost_its_end_in_a_power_cut_takes_the_next_attempt(node: Node):
    node.took(EVENTS, log=LOG)
    node.running.start()
    following = Node(node.running)
    for path in (node.running.folder.events_path, node.running.folder.log_path):
        os.truncate(path, path.stat().st_size // 2)
    following.took(ENDING, log=b"the end\n")
    assert [event.kind for event in EventTail(node.running.folder).read()][-1] == "done"
    assert node.running.fold()
    assert node.running.text == LOG + b"\n--- attempt 2 ---\nthe end\n"


def test_the_log_goes_on_behind_the_end_and_the_worker_hears_that_it_is_over(node: Node):
    assert node.took(ENDING, log=b"trai")["held"]
    assert node.running.fold()
    assert not node.took(b"", len(ENDING), b"ned\n", 4)["held"]
    assert node.running.text == b"trained\n"


def test_another_server_that_runs_the_job_is_to_be_asked(node: Node):
    node.took(LINES[0])
    node.running.house.change(node.running.id, lease_owner="another")
    reply = node.post(LINES[1], len(LINES[0]))
    assert reply.status_code == 421
    assert "Another server runs job" in reply.json()["error_desc"]
    node.running.house.change(node.running.id, lease_owner=node.running.here, ran_on="another")
    assert node.post(LINES[1], len(LINES[0])).status_code == 421
    assert node.here()[0] == LINES[0]


def test_nobody_holds_a_job_whose_server_let_go_of_it(node: Node):
    node.running.house.change(node.running.id, lease_owner=None)
    assert node.took(LINES[0])["held"] is False
    assert node.here()[0] == LINES[0]


def test_a_job_that_was_deleted_takes_no_report(node: Node):
    node.running.finish()
    node.running.lab.ada.delete(f"{node.running.lab.path}/jobs/{node.running.id}")
    assert node.post(LINES[0]).status_code == 404
    assert not node.running.folder.root.exists()


def test_a_job_whose_folder_is_gone_takes_no_report(node: Node):
    node.running.folder.root.rename(node.running.folder.root.with_suffix(".gone"))
    reply = node.post(LINES[0])
    assert reply.status_code == 409
    assert "folder is gone" in reply.json()["error_desc"]


def test_whoever_watches_the_job_hears_of_each_report(node: Node):
    heard = threading.Event()
    end = ARRIVALS.subscribe(node.running.job_id, heard.set)
    node.post(LINES[0], at=5)
    assert not heard.is_set()
    node.took(LINES[0])
    assert heard.is_set()
    heard.clear()
    end()
    end()
    node.took(LINES[0])
    assert not heard.is_set()
    assert len(ARRIVALS) == 0


def test_the_address_for_reports_is_that_of_the_job(node: Node):
    house = node.running.house
    with house.database.read() as session:
        assert (
            report_url(session, node.running.job_id, "http://node/api/v1")
            == f"http://node/api/v1/orgs/acme/{node.url}"
        )
    house.change(node.running.id, experiment_id=None)
    with house.database.read() as session:
        assert report_url(session, node.running.job_id, "http://node/api/v1") is None


def no_room(monkeypatch: pytest.MonkeyPatch, is_full: Callable[[], bool], left: int) -> None:
    """The file system takes so many bytes more, and then none, as long as it is full."""
    write, taken = os.write, [left]

    def full(descriptor: int, data: bytes) -> int:
        if not is_full():
            return write(descriptor, data)
        if not taken[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[: taken[0]])
        taken[0] -= written
        return written

    monkeypatch.setattr(os, "write", full)


@pytest.mark.parametrize("left", [0, 10, len(LOG) + 10, len(LOG) + 300])
def test_a_full_disk_is_said_and_leaves_no_half_line(node: Node, monkeypatch: pytest.MonkeyPatch, left: int):
    node.took(LINES[0])
    with monkeypatch.context() as patched:
        no_room(patched, lambda: True, left=left)
        reply = node.post(EVENTS, log=LOG)
        assert reply.status_code == 507
        assert "full" in reply.json()["error_desc"]
    events, log = node.here()
    assert events.endswith(b"\n")
    assert EVENTS.startswith(events)
    assert (events == LINES[0]) == (left < len(LOG) + 300)
    assert log == LOG[:left]
    node.took(EVENTS, log=LOG)
    assert node.here() == (EVENTS, LOG)


def test_on_a_full_disk_how_the_job_ended_takes_the_place_of_the_reserve(
    node: Node, monkeypatch: pytest.MonkeyPatch
):
    folder = node.running.folder
    folder.reserve_path.write_bytes(bytes(1000))
    failed = EVENT.dump_json(Failed(cause=Cause.BAD_DATA, message="no images")) + b"\n"
    with monkeypatch.context() as patched:
        no_room(patched, folder.reserve_path.exists, left=10)
        assert node.post(LINES[0]).status_code == 507
        assert folder.reserve_path.exists()
        assert node.post(LINES[0] + failed, log=LOG).status_code == 507  # the log was not taken
    assert node.here()[0] == LINES[0] + failed
    assert node.took(LINES[0] + failed, log=LOG)["log_offset"] == len(LOG)


def test_a_disk_that_is_nearly_full_takes_how_a_job_ended_alone(node: Node):
    house = node.running.house
    house.app.state.settings = house.settings.model_copy(update={"min_free_mb": 2**40})
    assert node.post(LINES[0]).status_code == 507
    assert node.took()["held"]
    node.took(LINES[0] + ENDING)
    assert node.here()[0] == LINES[0] + ENDING


if may_mount():

    def test_a_disk_that_is_really_full_takes_the_rest_when_it_has_room(lab: Lab):
        running = Running(lab)
        jobs: Path = lab.house.settings.jobs_dir
        with small_disk(jobs, 1 << 20):
            node = Node(running.start())
            node.took(LINES[0])
            fill(jobs)
            assert node.post(EVENTS * 20, log=LOG).status_code == 507
            events, log = node.here()
            assert events.endswith(b"\n")
            assert (EVENTS * 20).startswith(events)
            assert LOG.startswith(log)
            enlarge(jobs, 8 << 20)
            node.took(EVENTS * 20, log=LOG)
            assert node.here() == (EVENTS * 20, LOG)


def test_bytes_travel_as_base64(node: Node):
    body = {"attempt": 1, "log": base64.b64encode(b"caf\xe9\n").decode()}
    assert node.sender.ask("POST", node.url, body).status_code == 200
    assert node.here()[1] == b"caf\xe9\n"
    assert node.sender.ask("POST", node.url, body | {"log": "caf\u00e9"}).status_code == 400
    assert node.sender.ask("POST", node.url, body | {"unheard": "of"}).status_code == 400
    assert node.row.status == Status.RUNNING
