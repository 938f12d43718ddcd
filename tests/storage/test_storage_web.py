"""One file behind an address: continued, bounded, and never read from where it may not be."""

import socket
from pathlib import Path

import pytest
from tests.web_services import Certificate, Page, WebServer

from tunesmith.storage.errors import StorageError, StorageFileMissingError, TooLargeError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location, UrlStore
from tunesmith.storage.patience import Patience
from tunesmith.storage.reach import PrivateHosts, refuse_literal
from tunesmith.storage.web import name_of

QUICK = Patience(connect=2, read=2, retries=3, total=5)
BODY = bytes(range(256)) * 4096  # a MiB


@pytest.fixture
def web():
    server = WebServer()
    yield server
    server.close()


def behind(url, *, allowed=("127.0.0.1",), max_bytes=10 << 20, **secrets):
    store = UrlStore(id="d", url=url, private_hosts=allowed, max_bytes=max_bytes)
    return Files(Location(store=store), secrets, QUICK)


def refusal(files, tmp_path, kind=StorageError):
    with pytest.raises(kind) as caught:
        files.download(next(files.list()).key, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    return str(caught.value)


# --- what comes ---


@pytest.mark.parametrize("how", [{}, {"ranges": False}, {"chunked": True, "ranges": False}, {"etag": ""}])
def test_the_file_comes_whole(web, tmp_path, how):
    web.pages["/sets/pets.tar.gz"] = Page(BODY, **how)
    files = behind(f"{web.url}/sets/pets.tar.gz")
    (info,) = files.list()
    assert info.key == "pets.tar.gz"
    arrived: list[int] = []
    files.download(info.key, tmp_path / "file", arrived.append)
    assert (tmp_path / "file").read_bytes() == BODY
    assert sum(arrived) == len(BODY)


def test_the_query_is_sent_and_in_no_message(web, tmp_path):
    files = behind(f"{web.url}/gone", query="signature=verysecret")
    assert "verysecret" not in refusal(files, tmp_path, StorageFileMissingError)
    assert {path for path, _, _ in web.asked} == {"/gone?signature=verysecret"}
    assert "verysecret" not in repr(files)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x/a/b.zip", "b.zip"),
        ("https://x/b%20c.tar", "b c.tar"),
        ("https://x/", "download"),
        ("https://x", "download"),
        ("https://x/..%2F..%2Fetc%2Fpasswd", "download"),
        ("https://x/%00", "download"),
        ("https://x/" + "n" * 300, "download"),
    ],
)
def test_the_name_is_a_plain_one(url, name):
    assert name_of(url) == name


def test_it_is_read_only(web, tmp_path):
    files = behind(f"{web.url}/x")
    for call in (lambda: files.write("x", b""), lambda: files.delete("x"), lambda: files.copy("x", "y")):
        with pytest.raises(StorageError, match="can only be read"):
            call()


# --- what breaks ---


def test_a_connection_that_breaks_is_taken_up_where_it_broke(web, tmp_path):
    web.pages["/f"] = Page(BODY, break_after=300_000, breaks=2)
    behind(f"{web.url}/f").download("f", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
    first, second, third = web.downloads()
    assert first == ""
    starts = [int(one.removeprefix("bytes=").removesuffix("-")) for one in (second, third)]
    assert 0 < starts[0] < starts[1] < len(BODY)
    assert web.sent <= len(BODY) + 4 * (1 << 16)


def test_a_download_that_was_killed_is_continued(web, tmp_path):
    web.pages["/f"] = Page(BODY)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        behind(f"{web.url}/f").download("f", tmp_path / "f", stop)
    had = (tmp_path / "f.part").stat().st_size
    behind(f"{web.url}/f").download("f", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
    assert had > 0
    assert web.downloads()[-1] == f"bytes={had}-"


def test_another_file_of_the_same_address_starts_anew(web, tmp_path):
    web.pages["/f"] = Page(BODY)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        behind(f"{web.url}/f").download("f", tmp_path / "f", stop)
    web.pages["/f"] = Page(BODY[::-1])
    behind(f"{web.url}/f").download("f", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY[::-1]


def test_a_server_without_parts_sends_all_again_and_only_the_rest_is_kept(web, tmp_path):
    web.pages["/f"] = Page(BODY, ranges=False, break_after=300_000)
    behind(f"{web.url}/f").download("f", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_an_unknown_length_that_breaks_is_an_error(web, tmp_path):
    web.pages["/f"] = Page(BODY, chunked=True, ranges=False, break_after=300_000)
    assert "cannot be read" in refusal(behind(f"{web.url}/f"), tmp_path)


def test_a_server_that_is_busy_is_asked_again_and_then_named(web, tmp_path):
    web.pages["/f"] = Page(status=503)
    said = refusal(behind(f"{web.url}/f"), tmp_path)
    assert "status 503" in said
    assert len(web.asked) == 1 + QUICK.retries


@pytest.mark.parametrize(
    ("status", "said"), [(403, "refused permission"), (404, "no such file"), (418, "418")]
)
def test_a_refusal_is_told_at_once(web, tmp_path, status, said):
    web.pages["/f"] = Page(status=status)
    assert said in refusal(behind(f"{web.url}/f"), tmp_path)
    assert len(web.asked) == 1


# --- what lies ---


def test_more_than_allowed_is_refused_before_it_comes(web, tmp_path):
    web.pages["/f"] = Page(BODY)
    said = refusal(behind(f"{web.url}/f", max_bytes=1000), tmp_path, TooLargeError)
    assert "TUNESMITH_MAX_DOWNLOAD_GB" in said
    assert web.downloads() == []


def test_an_endless_body_ends_at_the_limit(web, tmp_path):
    web.pages["/f"] = Page(BODY * 4, chunked=True, ranges=False)
    refusal(behind(f"{web.url}/f", max_bytes=1 << 20), tmp_path, TooLargeError)
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_is_too_large_is_an_error(web, tmp_path):
    web.pages["/f"] = Page(BODY, ranges=False, announced=len(BODY) + 5, etag="")
    web.pages["/f"].break_after, web.pages["/f"].breaks = len(BODY), 100
    assert "cannot be read" in refusal(behind(f"{web.url}/f"), tmp_path)


def test_a_length_that_is_too_small_cuts_nothing_silently(web, tmp_path):
    web.pages["/f"] = Page(BODY, ranges=False, announced=1000)
    behind(f"{web.url}/f").download("f", tmp_path / "f")
    # What is announced is what the file is, by the protocol; the archive in it is then found to be cut.
    assert (tmp_path / "f").stat().st_size == 1000


def test_another_file_in_the_middle_is_an_error(web, tmp_path):
    page = web.pages["/f"] = Page(BODY, break_after=300_000)

    def swap(_):
        page.etag = '"other"'

    with pytest.raises(StorageError, match="another file"):
        behind(f"{web.url}/f").download("f", tmp_path / "f", swap)


# --- where it may not go ---


@pytest.mark.parametrize(
    "goal",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://[64:ff9b::a9fe:a9fe]/x",
        "https://10.0.0.1/x",
        "https://100.64.0.1/x",
        "https://192.168.1.1/x",
        "https://0.0.0.0/x",
        "https://224.0.0.1/x",
        "https://2852039166/x",
        "https://0xa9fea9fe/x",
        "https://localhost/x",
        "https://[::1]/x",
    ],
)
def test_redirects_lead_to_public_addresses_alone(web, tmp_path, monkeypatch, goal):
    answers(monkeypatch, "127.0.0.1")
    web.pages["/f"] = Page(redirect=goal)
    said = refusal(behind(f"http://files.example:{web.port}/f", allowed=("files.example",)), tmp_path)
    assert "TUNESMITH_PRIVATE_HOSTS" in said


def test_redirects_lead_to_no_other_kind_of_address(web, tmp_path):
    for goal in ("file:///etc/passwd", "ftp://example.com/x", "//user:word@127.0.0.1/x", "gopher://x", ""):
        web.pages["/f"] = Page(redirect=goal)
        refusal(behind(f"{web.url}/f"), tmp_path)
    assert len(web.asked) == 5


def test_a_circle_of_redirects_ends(web, tmp_path):
    web.pages["/f"] = Page(redirect="/f")
    assert "redirects more than" in refusal(behind(f"{web.url}/f"), tmp_path)


def test_a_redirect_to_an_allowed_place_is_followed(web, tmp_path):
    web.pages["/f"] = Page(redirect="/g")
    web.pages["/g"] = Page(BODY)
    behind(f"{web.url}/f").download("f", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_nothing_private_is_asked_unless_it_is_listed(web, tmp_path):
    web.pages["/f"] = Page(BODY)
    assert "127.0.0.1" in refusal(behind(f"{web.url}/f", allowed=()), tmp_path)
    assert "127.0.0.1" in refusal(behind(f"{web.url}/f", allowed=("10.0.0.0/8", "example.com")), tmp_path)
    assert web.asked == []
    behind(f"{web.url}/f", allowed=("127.0.0.0/8",)).download("f", tmp_path / "f")


def answers(monkeypatch, *addresses):
    """Names that resolve to these, one look-up after the other; how often they were looked up."""
    real, asked = socket.getaddrinfo, []

    def getaddrinfo(host, port, *more, **named):
        if host.endswith(".example"):
            asked.append(host)
            host = addresses[min(len(asked), len(addresses)) - 1]
        return real(host, port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_leads_to_a_private_address_is_refused(web, tmp_path, monkeypatch):
    answers(monkeypatch, "127.0.0.1")
    said = refusal(behind(f"https://files.example:{web.port}/f", allowed=()), tmp_path)
    assert "files.example (127.0.0.1) is not a public address" in said
    assert web.asked == []


def test_a_name_that_changes_its_mind_gets_nowhere(web, tmp_path, monkeypatch):
    """The address that was checked is the one that is connected to: nobody looks the name up again."""
    asked = answers(monkeypatch, "127.0.0.2", "127.0.0.1")
    web.pages["/f"] = Page(BODY)
    refusal(behind(f"http://files.example:{web.port}/f", allowed=("127.0.0.2",)), tmp_path)
    assert all(host == "files.example" for host in asked)
    assert web.asked == []


def test_a_certificate_is_checked_for_the_name_and_the_host_is_sent(tmp_path, monkeypatch):
    certificate = Certificate.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    answers(monkeypatch, "127.0.0.1")
    web = WebServer(certificate.context)
    web.pages["/f"] = Page(BODY)
    try:
        behind(f"https://files.example:{web.port}/f", allowed=("files.example",)).download(
            "f", tmp_path / "f"
        )
        assert (tmp_path / "f").read_bytes() == BODY
        assert web.asked[-1][2] == f"files.example:{web.port}"
        other = behind(f"https://other.example:{web.port}/f", allowed=("other.example",))
        with pytest.raises(StorageError, match="certificate"):
            other.probe()
    finally:
        web.close()


def test_a_server_that_nobody_vouches_for_is_refused(tmp_path):
    web = WebServer(Certificate.make(tmp_path).context)
    try:
        with pytest.raises(StorageError, match="certificate"):
            behind(f"https://localhost:{web.port}/f", allowed=("localhost",)).probe()
    finally:
        web.close()


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "a/b", "http://x", ""])
def test_what_is_no_host_is_refused_in_the_setting(entry):
    with pytest.raises(ValueError, match="is no host name"):
        PrivateHosts.parse([entry])


def test_a_private_address_is_refused_before_anything_is_stored():
    for host in ("10.1.2.3", "[::1]", "localhost", "x.localhost"):
        with pytest.raises(StorageError, match="TUNESMITH_PRIVATE_HOSTS"):
            refuse_literal(host, PrivateHosts())
        refuse_literal(host, PrivateHosts.parse(["10.0.0.0/8", "::1", "localhost", "x.localhost"]))
    refuse_literal("example.com", PrivateHosts())
    refuse_literal("93.184.216.34", PrivateHosts())


def test_a_name_that_nobody_has_is_told(tmp_path: Path):
    assert "there is no host" in refusal(behind("https://no-such-host.invalid/f", allowed=()), tmp_path)
