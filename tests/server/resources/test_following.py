"""Following the log of a job, over a real connection."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.server.resources.events import Event, Web
from tests.server.resources.house import House, Lab, Person
from tests.server.resources.running import Running

from tunesmith.server.auth.tokens import Claims, TokenSigner
from tunesmith.server.jobs import followers, following
from tunesmith.server.jobs.news import NEWS
from tunesmith.server.jobs.states import Status
from tunesmith.server.tables import ApiKey


@pytest.fixture
def web(house: House) -> Iterator[Web]:
    with Web(house.app) as web:
        yield web


@pytest.fixture
def running(lab: Lab) -> Running:
    return Running(lab).start()


def data(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(event.lines))
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_there_is_comes_and_then_lines_as_they_are_written(web: Web, running: Running):
    running.write(b"one\ntwo\nhalf").fold()
    with web.follow(running) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert data(stream.next()) == {"status": "Running", "message": ""}
        first = stream.next()
        assert (first.lines, first.id) == (["one", "two"], "8")
        running.write(b" a line\n").fold()
        assert stream.next().lines == ["half a line"]
        running.write(b"no end").finish()
        *log, end = stream.rest()
        assert [event.lines for event in log] == [["no end"]]
        assert (end.name, data(end)) == ("end", {"status": "Done", "message": "Done"})
        assert log[0].id == str(len(running.text))


def test_a_reader_who_comes_back_gets_each_line_once(web: Web, running: Running):
    running.write(b"one\ntwo\n").fold()
    with web.follow(running) as stream:
        stream.next()
        last = stream.next()
    running.write(b"three\nfour\n").finish()
    with web.follow(running, Last_Event_ID=last.id) as stream:
        assert [event.lines for event in stream.rest()][:-1] == [["three", "four"]]
    with web.follow(running, Last_Event_ID="3") as stream:  # in the middle of what was one event
        assert stream.lines(4) == ["", "two", "three", "four"]


def test_a_position_that_cannot_be(web: Web, running: Running):
    running.write(b"one\n").finish()
    with web.follow(running, Last_Event_ID="99999") as stream:  # of a log that was longer, before a restore
        assert [event.name for event in stream.rest()] == ["end"]
    for odd in ("-1", "x", "1.5", str(2**70)):
        with web.follow(running, Last_Event_ID=odd) as stream:
            assert stream.response.status_code == 400


def test_a_job_that_waits_is_followed_from_before_its_start(web: Web, lab: Lab):
    running = Running(lab)
    lab.house.change(running.id, waits_for="Waits for a free processor slot")
    with web.follow(running) as stream:
        assert data(stream.next()) == {"status": "Pending", "message": "Waits for a free processor slot"}
        running.start()
        assert data(stream.next())["status"] == "Running"
        running.write(b"begun\n").fold()
        assert stream.lines(1) == ["begun"]
        lab.ada.post(f"{lab.path}/jobs/{running.id}:cancel")
        assert data(stream.next())["status"] == "Canceling"


@pytest.mark.parametrize("end", ["Canceled", "Paused", "Error"])
def test_however_a_job_ends_its_followers_are_told(web: Web, running: Running, end: str):
    before = {"Canceled": Status.CANCELING, "Paused": Status.PAUSING}.get(end)
    with web.follow(running) as stream:
        assert data(stream.next())["status"] == "Running"
        running.write(b"last words\n").fold()
        running.house.move(running.id, *([before] if before else []), Status(end))
        assert [event.lines for event in stream.rest() if not event.name] == [["last words"]]
    with web.follow(running) as stream:
        assert data(stream.rest()[-1])["status"] == end


def test_bytes_that_are_no_text_and_bars_that_draw_over_themselves(web: Web, running: Running):
    running.write(b"caf\xe9\r\n 1%\r 2%\r").fold()
    with web.follow(running) as stream:
        assert stream.lines(2) == ["caf\ufffd", " 1%"]
        running.write(b"\n\n\xe2\x82").fold()
        assert stream.lines(2) == [" 2%", ""]
        running.write(b"\xac\n" + b"x" * 200_000 + b"\nlast\n").fold()
        found = stream.lines(2)
        while found[-1] != "last":
            found += stream.lines(1)
        assert found[0] == "\u20ac"
        assert "".join(found[1:-1]) == "x" * 200_000


def test_a_long_log_comes_whole(web: Web, running: Running):
    text = b"".join(b"line %d\n" % number for number in range(300_000))
    running.write(text).finish()
    with web.follow(running) as stream:
        lines = [line for event in stream.rest() if not event.name for line in event.lines]
    assert "\n".join(lines) + "\n" == text.decode()


def test_a_gap_is_told(web: Web, running: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tunesmith.server.jobs.log_store.KEPT_HEAD", 1 << 20)
    monkeypatch.setattr("tunesmith.server.jobs.log_store.KEPT_TAIL", 1 << 20)
    running.write(b"".join(b"%09d\n" % number for number in range(500_000))).finish()
    with web.follow(running) as stream:
        lines = [line for event in stream.rest() if not event.name for line in event.lines]
    assert len([line for line in lines if "bytes dropped" in line]) == 1
    assert (lines[0], lines[-1]) == ("000000000", "000499999")


def test_a_log_that_is_only_in_the_folder(web: Web, lab: Lab):
    old = Running(lab)
    lab.house.move(old.id, Status.RUNNING, Status.DONE)
    old.folder.root.mkdir(parents=True)
    old.write(b"".join(b"old %d\n" % number for number in range(30_000)))
    with web.follow(old) as stream:
        *log, end = stream.rest()
    lines = [line for event in log for line in event.lines]
    assert (len(lines), lines[-1], end.name) == (30_000, "old 29999", "end")
    with web.follow(old, Last_Event_ID=log[0].id) as stream:
        assert stream.rest()[0].lines[0] == lines[len(log[0].lines)]


def test_followers_take_no_seats_and_leave_no_trace(web: Web, running: Running):
    """More of them than there are seats for requests, and requests are answered all the same."""
    running.write(b"hello\n").fold()
    with ExitStack() as stack:
        streams = [stack.enter_context(web.follow(running)) for _ in range(100)]
        for stream in streams:
            assert stream.lines(1) == ["hello"]
        threads = threading.active_count()
        assert web.get("/api/v1/health/liveness").status_code == 200
        assert running.lab.house.app.state.followers.count == 100
        running.write(b"bye\n").fold()
        for stream in streams:
            assert stream.lines(1) == ["bye"]
        assert threading.active_count() - threads < 10
    until(lambda: running.lab.house.app.state.followers.count == 0)
    assert NEWS.followed() == ()


def test_there_is_a_limit(web: Web, running: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(followers, "MOST_FOLLOWERS", 1)
    with web.follow(running) as first:
        first.next()
        with web.follow(running) as second:
            refusal = second.next()
    assert (refusal.name, data(refusal)["error_code"]) == ("error", 503)


def test_silence_is_broken_by_comments(web: Web, running: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(following, "KEEP_ALIVE_SECONDS", 0.05)
    running.write(b"one\n").fold()
    with web.follow(running) as stream:
        lines = stream.response.iter_lines()
        assert [
            line for line, _ in zip((one for one in lines if one.startswith(":")), range(2), strict=False)
        ]


def test_a_server_that_stops_lets_go_and_says_no_end(web: Web, running: Running):
    with web.follow(running) as stream:
        stream.next()
        running.lab.house.app.state.followers.close()
        assert stream.rest() == []


def test_only_those_who_may_read_the_job_may_follow_it(web: Web, running: Running, bob: Person, eve: Person):
    with web.follow(running, bob) as stream:
        assert stream.response.status_code == 404
    with web.follow(running, eve) as stream:
        assert stream.response.status_code == 404
    running.lab.ada.patch(running.lab.path, {"shared": True})
    with web.follow(running, bob) as stream:
        assert data(stream.next())["status"] == "Running"
    running.lab.ada.patch(running.lab.path, {"public": True})
    with web.follow(running, eve) as stream:
        assert data(stream.next())["status"] == "Running"


def test_who_loses_the_right_to_read_is_shown_out(
    web: Web, running: Running, bob: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "CHECK_SECONDS", 0.0)
    running.lab.ada.patch(running.lab.path, {"shared": True})
    with web.follow(running, bob) as stream:
        stream.next()
        running.lab.ada.patch(running.lab.path, {"shared": False})
        running.write(b"secret\n").fold()
        (refusal,) = stream.rest()
    assert (refusal.name, data(refusal)["error_code"]) == ("error", 404)


def test_a_token_that_expires_or_whose_key_is_revoked_ends_the_reading(
    web: Web, running: Running, house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(following, "KEEP_ALIVE_SECONDS", 0.1)
    ada = running.lab.ada
    with house.database.read() as session:
        key_id = session.scalars(select(ApiKey.id).where(ApiKey.user_id == ada.user_id)).one()
    short = TokenSigner(b"k" * 32, timedelta(seconds=1)).sign(Claims(ada.user_id, ada.org, key_id))
    with web.follow(running, Person("ada", ada.org, ada.user_id, ada.org_id, short, ada.http)) as stream:
        *_, refusal = stream.rest()
    assert (refusal.name, data(refusal)["error_code"]) == ("error", 401)
    with web.follow(running) as stream:
        stream.next()
        with house.database.write() as session:
            session.get_one(ApiKey, key_id).revoked_on = session.get_one(ApiKey, key_id).created_on
        assert [data(event)["error_code"] for event in stream.rest()] == [401]


def test_a_job_that_is_deleted_while_it_is_followed(web: Web, running: Running):
    with web.follow(running) as stream:
        stream.next()
        with running.house.database.write() as session:
            job = running.house.job(running.id)
            session.delete(job)
        NEWS.tell(UUID(running.id))
        (refusal,) = stream.rest()
    assert data(refusal)["error_desc"] == f"Job {running.id} was deleted"
