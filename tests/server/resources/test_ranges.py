"""Downloads go on where they broke (RFC 9110)."""

from typing import Any

import pytest
from tests.server.resources.house import Lab
from tests.server.resources.test_results import log_to, unpacked

BEST = bytes(range(256)) * 400
FILES = {"model_best.pth": BEST, "empty": b"", "plots/a.png": b"picture"}


class Download:
    """One of the ways to download from a job."""

    def __init__(self, lab: Lab, job: str, verb: str, **query: Any) -> None:
        self._lab, self._path, self._query = lab, f"{lab.path}/jobs/{job}:{verb}", query

    def ask(self, method: str = "GET", **headers: str) -> Any:
        person = self._lab.ada
        sent = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}
        sent[b"Authorization"] = f"Bearer {person.token}".encode()
        url = f"/api/v1/orgs/{person.org}/{self._path}"
        return person.http.request(method, url, params=self._query, headers=sent)


@pytest.fixture
def job(lab: Lab) -> str:
    job = lab.trained()
    lab.leave_files(job, FILES)
    return job


@pytest.fixture(params=["all", "some", "bare"])
def download(request: pytest.FixtureRequest, lab: Lab, job: str) -> Download:
    if request.param == "all":
        return Download(lab, job, "download")
    wanted = {"file_lists": "model_best.pth", "tar_files": str(request.param == "some")}
    return Download(lab, job, "download_selective_files", **wanted)


def test_a_download_says_what_it_is(download: Download):
    reply = download.ask()
    assert reply.status_code == 200
    assert reply.headers["accept-ranges"] == "bytes"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert reply.headers["etag"].startswith('"')
    assert "content-range" not in reply.headers
    again = download.ask()
    assert (again.headers["etag"], again.content) == (reply.headers["etag"], reply.content)


def test_the_head_is_that_of_the_whole(download: Download):
    whole, head = download.ask(), download.ask("HEAD", Range="bytes=1-2")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length", "accept-ranges", "content-disposition", "content-type"):
        assert head.headers[name] == whole.headers[name]


PARTS: list[tuple[str, int, int | None]] = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-", 0, None),
    ("bytes=10-19", 10, 20),
    ("BYTES=1000-", 1000, None),
    ("bytes=1000-999999999999", 1000, None),
    ("bytes=-5", -5, None),
    ("bytes=-999999999999", 0, None),
    ("bytes= 7-8", 7, 9),
]


def test_a_part(download: Download):
    whole = download.ask().content
    for asked, start, stop in PARTS:
        reply = download.ask(Range=asked)
        assert reply.status_code == 206, asked
        assert reply.content == whole[start:stop], asked
        assert int(reply.headers["content-length"]) == len(reply.content), asked
        first = start % len(whole)
        said = f"bytes {first}-{first + len(reply.content) - 1}/{len(whole)}"
        assert reply.headers["content-range"] == said, asked


NO_RANGES = [
    "bytes=-",
    "bytes=9-3",
    "bytes=0-1,5-6",
    "lines=1-2",
    "bytes=a-b",
    "bytes",
    "bytes=1_0-",
    "bytes=--1",
    "bytes=" + "9" * 5000 + "-",
    "bytes=\xb2-",
    "",
]


def test_what_is_no_single_range_gets_the_whole(download: Download):
    for asked in NO_RANGES:
        reply = download.ask(Range=asked)
        assert reply.status_code == 200, asked
        assert len(reply.content) == int(reply.headers["content-length"]) > 100_000, asked


def test_behind_the_end_there_is_nothing(download: Download):
    size = len(download.ask().content)
    for asked in (f"bytes={size}-", "bytes=999999999-", "bytes=-0"):
        reply = download.ask(Range=asked)
        assert reply.status_code == 416, asked
        assert reply.headers["content-range"] == f"bytes */{size}"
        assert str(size) in reply.json()["error_desc"]


def test_an_empty_file_has_no_part(lab: Lab, job: str):
    empty = Download(lab, job, "download_selective_files", file_lists="empty", tar_files="False")
    assert (empty.ask().status_code, empty.ask().content) == (200, b"")
    assert empty.ask(Range="bytes=0-").status_code == 416


def test_a_part_of_what_has_changed_is_not_sent(lab: Lab, job: str, download: Download):
    before = download.ask()
    etag = before.headers["etag"]
    assert download.ask(Range="bytes=5-", If_Range=etag).status_code == 206
    lab.leave_files(job, {"model_best.pth": bytes(len(BEST))})
    reply = download.ask(Range="bytes=5-", If_Range=etag)
    assert reply.status_code == 200
    assert reply.headers["etag"] != etag
    assert len(reply.content) == len(before.content)
    for other in (f"W/{etag}", "Wed, 25 Nov 2026 10:00:00 GMT", "*"):
        assert download.ask(Range="bytes=5-", If_Range=other).status_code == 200


def test_conditions_are_kept(download: Download):
    etag = download.ask().headers["etag"]
    known = download.ask(If_None_Match=f'"x", W/{etag}')
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert download.ask("HEAD", If_None_Match="*").status_code == 304
    assert download.ask(If_None_Match='"x"').status_code == 200
    assert download.ask(If_Match=f'"x", {etag}').status_code == 200
    refused = download.ask(If_Match=f"W/{etag}")
    assert refused.status_code == 412
    assert "If-Match" in refused.json()["error_desc"]


def test_a_log_that_has_grown_begins_the_archive_anew(lab: Lab, job: str):
    log_to(lab, job, b"epoch 1\n")
    archive = Download(lab, job, "download")
    first = archive.ask().headers["etag"]
    log_to(lab, job, b"epoch 1\nepoch 2\n")
    reply = archive.ask(Range="bytes=100-", If_Range=first)
    assert reply.status_code == 200
    assert unpacked(reply.content)[f"{job}.txt"] == b"epoch 1\nepoch 2\n"


def test_the_order_of_the_files_wanted_is_part_of_the_archive(lab: Lab, job: str):
    names = ["model_best.pth", "plots/a.png"]
    one, other = (
        Download(lab, job, "download_selective_files", file_lists=order).ask()
        for order in (names, names[::-1])
    )
    assert one.headers["etag"] != other.headers["etag"]
    assert list(unpacked(other.content)) == [f"{job}/{name}" for name in names[::-1]]


def test_a_stranger_gets_no_head(lab: Lab, job: str, eve: Any):
    assert eve.ask("HEAD", f"{lab.path}/jobs/{job}:download").status_code == 404
