"""A download goes on where it stopped, and is whole at the end."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from tests.client.tiny_server import Reply, TinyServer
from typer.testing import CliRunner

from tunesmith.client import APIError, Client, ConnectionFailedError, Job, RetryPolicy, UnsafeArchiveError
from tunesmith.client.commands.app import build
from tunesmith.client.commands.exits import ExitCode

JOB = Job.model_validate({"id": "j1", "action": "train", "status": "Done", "experiment_id": "e1"})
ROUTE = "/api/v1/orgs/acme/experiments/e1/jobs/j1:download"
CONTENT = hashlib.shake_256(b"weights").digest(200_000)


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"j1/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


WHOLE = packed(model=CONTENT, plot=b"plot")
HALF = len(WHOLE) // 2


def broken(body: bytes = WHOLE, etag: str = '"one"', status: int = 200) -> Reply:
    """A reply whose connection breaks in its middle."""
    return Reply(status, body, {"ETag": etag}, cut_off=True)


def rest(start: int, body: bytes = WHOLE, *, cut_off: bool = False) -> Reply:
    said = {"ETag": '"one"', "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
    return Reply(206, body[start:], said, cut_off)


def ranges(tiny: TinyServer) -> list[tuple[str | None, str | None]]:
    return [(one.headers.get("range"), one.headers.get("if-range")) for one in tiny.asked]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def hasty(tiny: TinyServer) -> Client:
    """A client that tries once."""
    return Client(tiny.url, "acme", token="t", retry=RetryPolicy(attempts=1))


def test_a_connection_that_breaks_is_gone_on_from(tiny: TinyServer, client: Client, tmp_path: Path):
    second = HALF - 1 + (len(WHOLE) - HALF + 1) // 2
    tiny.on("GET", ROUTE, broken(), rest(HALF - 1, cut_off=True), rest(second - 1))
    told: list[tuple[int, int | None]] = []
    client.jobs.download(JOB, tmp_path, lambda arrived, total: told.append((arrived, total)))
    assert (tmp_path / "model").read_bytes() == CONTENT
    assert names(tmp_path) == ["model", "plot"]
    assert ranges(tiny) == [
        (None, None),
        (f"bytes={HALF - 1}-", '"one"'),
        (f"bytes={second - 1}-", '"one"'),
    ]
    assert {total for _, total in told} == {len(WHOLE)}
    assert told[-1] == (len(WHOLE), len(WHOLE))
    assert tiny.asked[0].headers["accept-encoding"] == "identity"


def test_the_next_attempt_goes_on_too(tiny: TinyServer, hasty: Client, tmp_path: Path):
    tiny.on("GET", ROUTE, broken(), rest(HALF - 1))
    with pytest.raises(ConnectionFailedError, match="cut off"):
        hasty.jobs.download(JOB, tmp_path)
    assert not any(name in {"model", "plot"} for name in names(tmp_path))
    hasty.jobs.download(JOB, tmp_path)
    assert ranges(tiny)[1] == (f"bytes={HALF - 1}-", '"one"')
    assert (tmp_path / "model").read_bytes() == CONTENT
    assert names(tmp_path) == ["model", "plot"]


def test_one_that_had_all_but_was_not_unpacked_asks_for_its_last_byte(
    tiny: TinyServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tiny.on("GET", ROUTE, Reply(200, WHOLE, {"ETag": '"one"'}), rest(len(WHOLE) - 1))
    (tmp_path / "model").mkdir()
    with pytest.raises(OSError, match="directory"):
        client.jobs.download(JOB, tmp_path)
    (tmp_path / "model").rmdir()
    client.jobs.download(JOB, tmp_path)
    assert ranges(tiny)[1] == (f"bytes={len(WHOLE) - 1}-", '"one"')
    assert names(tmp_path) == ["model", "plot"]


def test_what_has_changed_begins_anew(tiny: TinyServer, client: Client, tmp_path: Path):
    tiny.on("GET", ROUTE, broken(), Reply(200, packed(other=b"other"), {"ETag": '"two"'}))
    client.jobs.download(JOB, tmp_path)
    assert (tmp_path / "other").read_bytes() == b"other"
    assert names(tmp_path) == ["other"]


@pytest.mark.parametrize("etag", ["", 'W/"one"'])
def test_without_a_strong_etag_it_begins_anew(tiny: TinyServer, client: Client, tmp_path: Path, etag: str):
    tiny.on("GET", ROUTE, broken(etag=etag), Reply(200, WHOLE))
    client.jobs.download(JOB, tmp_path)
    assert ranges(tiny) == [(None, None)] * 2
    assert (tmp_path / "model").read_bytes() == CONTENT


def test_a_server_that_has_less_than_arrived_is_asked_for_the_whole(
    tiny: TinyServer, client: Client, tmp_path: Path
):
    tiny.on("GET", ROUTE, broken(), Reply(416), Reply(200, WHOLE, {"ETag": '"one"'}))
    client.jobs.download(JOB, tmp_path)
    assert ranges(tiny)[2] == (None, None)
    assert (tmp_path / "model").read_bytes() == CONTENT


def test_trying_ends_when_nothing_more_arrives(tiny: TinyServer, client: Client, tmp_path: Path):
    tiny.on("GET", ROUTE, broken(b"12", etag='"one"'))
    with pytest.raises(ConnectionFailedError):
        client.jobs.download(JOB, tmp_path)
    assert len(tiny.asked) == client.jobs._session.transport.retry.attempts


def test_a_refusal_is_told_at_once(tiny: TinyServer, client: Client, tmp_path: Path):
    tiny.on("GET", ROUTE, broken(), Reply(404, {"error_desc": "Job j1 not found", "error_code": 404}))
    with pytest.raises(APIError, match="Job j1 not found"):
        client.jobs.download(JOB, tmp_path)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("place", ["content", "sum"])
def test_damage_on_the_way_is_found_and_replaces_nothing(
    tiny: TinyServer, client: Client, tmp_path: Path, place: str
):
    plain = gzip.decompress(WHOLE)
    stored = gzip.compress(plain, 0)
    at = stored.index(CONTENT[:50]) if place == "content" else len(stored) - 8
    tiny.on("GET", ROUTE, Reply(200, flipped(stored, at), {"ETag": '"one"'}), Reply(200, stored))
    (tmp_path / "model").write_bytes(b"old")
    with pytest.raises(UnsafeArchiveError, match="damaged"):
        client.jobs.download(JOB, tmp_path)
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model").read_bytes() == b"old"
    client.jobs.download(JOB, tmp_path)
    assert ranges(tiny)[1] == (None, None)
    assert (tmp_path / "model").read_bytes() == CONTENT


def test_the_command_says_that_it_can_go_on(
    tiny: TinyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in (("URL", tiny.url), ("ORG", "acme"), ("API_KEY", "key")):
        monkeypatch.setenv(f"TUNESMITH_{name}", value)
    tiny.on("POST", "/api/v1/login", {"token": "t", "user_id": "u"})
    tiny.on("GET", "/api/v1/orgs/acme/experiments/e1/jobs/j1", JOB.raw())
    tiny.on("GET", ROUTE, broken())
    monkeypatch.setattr(RetryPolicy, "pause", lambda *_: 0.0)
    command = ["jobs", "download", "j1", "--experiment", "e1", "--to", str(tmp_path)]
    ended = CliRunner().invoke(build(), command)
    assert ended.exit_code == ExitCode.NO_CONNECTION
    assert "the same command goes on from there" in ended.stderr
    (tmp_path / "file").write_bytes(b"")
    ended = CliRunner().invoke(build(), [*command[:-1], str(tmp_path / "file")])
    assert ended.exit_code == ExitCode.FAILED
    assert f"Could not write to {tmp_path / 'file'}" in ended.stderr
