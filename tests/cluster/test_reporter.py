"""Real reporters and a real server that dies, says no, or is somewhere else."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tests.cluster.conftest import Errand, Post, until
from tests.live_server import Server

from tunesmith.protocol import Done, Interrupted


def test_a_poke_is_a_report(errand: Errand):
    reporter = errand.reporter(lease_seconds=3600)
    for number in range(3):
        errand.write(number)
        reporter.poke()
        until(lambda: errand.has_all)
    errand.node.append(Done())
    assert reporter.finish(60)
    assert errand.has_all
    assert errand.lost == []


def test_what_was_written_at_last_is_delivered_without_a_poke(errand: Errand):
    reporter = errand.reporter()
    errand.write(1, b"line\n" * 300_000)
    errand.node.append(Done())
    with errand.node.events_path.open("ab") as events:
        events.write(b'{"kind": "prog')  # a killed worker's: nobody wants it
    assert reporter.finish(60)
    whole = errand.node.events_path.read_bytes().removesuffix(b'{"kind": "prog')
    assert errand.here.events_path.read_bytes() == whole
    assert errand.here.log_path.read_bytes() == b"line\n" * 300_000


def grown(errand: Errand, size: int) -> bool:
    return errand.here.events_size() > size


def test_a_server_that_is_killed_again_and_again_gets_all_in_the_end(post: Post, errand: Errand):
    reporter = errand.reporter()
    written, stop = itertools.count(), threading.Event()

    def work() -> None:
        while not stop.wait(0.005):
            errand.write(next(written), b"x" * 500 + b"\n")
            reporter.poke()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(2):
            size = errand.here.events_size()
            until(partial(grown, errand, size + 1000))
            post.kill()
            post.start_again()
    finally:
        stop.set()
        worker.join()
    errand.node.append(Done())
    assert reporter.finish(120)
    assert errand.has_all
    assert errand.lost == []


def test_a_server_whose_disk_was_emptied_by_a_power_cut_is_told_again(errand: Errand):
    reporter = errand.reporter()
    errand.write(1)
    reporter.poke()
    until(lambda: errand.has_all)
    errand.here.events_path.write_bytes(b"")
    errand.here.log_path.write_bytes(b"c")
    errand.write(2)
    assert reporter.finish(60)
    assert errand.has_all


def test_a_reporter_that_follows_another_sends_what_that_had_not(errand: Errand):
    first = errand.reporter()
    errand.write(1)
    assert first.finish(60)
    errand.write(2)
    second = errand.reporter()
    until(lambda: errand.has_all)
    assert second.finish(60)


def test_each_reply_brings_the_next_token(tmp_path: Path):
    post = Post(Server(tmp_path / "own", TUNESMITH_TOKEN_HOURS=str(8 / 3600), TUNESMITH_STOP_GRACE="0"))
    try:
        errand = Errand(post, tmp_path / "node")
        post.settings = post.settings.model_copy(update={"token_hours": 8 / 3600})
        first = errand.token
        reporter = errand.reporter(token=first, lease_seconds=3)  # which asks twice a second
        headers = {"Authorization": f"Bearer {first}"}
        until(lambda: httpx.post(errand.url, json={"attempt": 1}, headers=headers).status_code == 401)
        errand.write(1)
        reporter.poke()
        until(lambda: errand.has_all)
        assert reporter.finish(60)
        assert errand.lost == []
    finally:
        post.close()


@pytest.mark.parametrize(
    "end", [{"attempt": 2}, {"status": "Canceled"}, {"lease_owner": None}, {"experiment_id": None}]
)
def test_a_worker_whose_job_is_over_is_to_end(errand: Errand, end: dict[str, object]):
    reporter = errand.reporter(lease_seconds=3)
    errand.write(1)
    reporter.poke()
    until(lambda: errand.has_all)
    errand.change(**end)
    until(lambda: errand.lost)  # it asks although there is nothing new
    errand.write(2)
    still_taken = "status" in end or "lease_owner" in end
    assert reporter.finish(60 if still_taken else 0.2) == still_taken
    assert errand.has_all == still_taken
    assert errand.lost == ["lost"]


def test_a_worker_that_said_how_the_job_ended_is_left_to_end_by_itself(errand: Errand):
    reporter = errand.reporter(lease_seconds=1)
    errand.node.append(Done())
    reporter.poke()
    until(errand.here.events_size)
    errand.change(status="Done", lease_owner=None)
    with errand.node.log_path.open("ab") as log:
        log.write(b"the last words\n")
    reporter.poke()
    until(lambda: errand.has_all)
    assert reporter.finish(60)
    assert errand.lost == []


def test_a_worker_whose_server_is_away_for_long_is_to_end_and_what_it_said_is_told_later(
    post: Post, errand: Errand
):
    reporter = errand.reporter(lease_seconds=1.5)
    errand.write(1)
    reporter.poke()
    until(lambda: errand.has_all)
    post.kill()
    errand.write(2)
    reporter.poke()
    until(lambda: errand.lost)
    errand.node.append(Interrupted(message="Stopped"))
    post.start_again()
    assert reporter.finish(60)
    assert errand.has_all
    assert errand.lost == ["lost"]


def test_not_all_was_delivered_where_nobody_listens(errand: Errand, nobody: str):
    reporter = errand.reporter(url=nobody)
    errand.write(1)
    assert not reporter.finish(0.3)
    assert errand.lost == []  # the worker is gone already, or its lease still holds
    assert not errand.here.log_path.exists()


def test_reports_go_where_the_job_is_now(errand: Errand, nobody: str):
    reporter = errand.reporter(url=nobody, lease_seconds=3600)
    errand.write(1)
    reporter.poke()
    reporter.redirect(errand.url)
    until(lambda: errand.has_all)
    assert reporter.finish(60)


def test_a_server_that_has_lost_the_job_is_asked_until_there_is_another(errand: Errand):
    """Its lease is another's, which has not told the node yet where it is."""
    errand.change(lease_owner="another")
    reporter = errand.reporter(lease_seconds=3600)
    errand.write(1)
    reporter.poke()
    assert not errand.has_all
    errand.change(lease_owner=errand.owner)
    until(lambda: errand.has_all)
    assert reporter.finish(60)
    assert errand.lost == []


def test_a_proxy_that_lets_no_large_body_through_gets_small_ones(errand: Errand):
    with narrow(errand.post.server.url, most=64 * 1024) as (url, sizes):
        reporter = errand.reporter(url=errand.url.replace(errand.post.server.url, url))
        for number in range(500):
            errand.write(number, b"x" * 800)
        errand.node.append(Done())
        assert reporter.finish(120)
        assert errand.has_all
        assert max(sizes) > 64 * 1024
        assert errand.lost == []


@pytest.fixture
def nobody() -> str:
    """An address at which nobody answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    return f"http://127.0.0.1:{port}/api/v1/jobs"


@contextmanager
def narrow(upstream: str, most: int) -> Iterator[tuple[str, list[int]]]:
    """A proxy that refuses bodies of more than so many bytes, as many do; its address, and what came."""
    sizes: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sizes.append(int(self.headers["Content-Length"]))
            body = self.rfile.read(sizes[-1])
            if sizes[-1] > most:
                self._reply(413, b"<html>too large</html>")
                return
            headers = {"Authorization": self.headers["Authorization"]}
            reply = httpx.post(upstream + self.path, content=body, headers=headers, timeout=60)
            self._reply(reply.status_code, reply.content)

        def _reply(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        log_message: Callable[..., None] = lambda *_: None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sizes
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
