"""What only buckets can do to us: refuse, vanish, hang, and answer oddly."""

import hashlib
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.fault_proxy import Fault, FaultProxy, behind
from tests.s3_services import SECRETS, S3Server

from tunesmith.storage.errors import StorageError, StoreUnavailableError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location, S3Store
from tunesmith.storage.patience import PATIENT, Patience


def files_at(url, secrets=SECRETS, patience=PATIENT):
    return Files(Location(store=S3Store(id="w", bucket="data", endpoint_url=url)), secrets, patience)


@pytest.fixture
def scripted():
    """A server that gives the answers of a list, (status, body), the last one for ever."""
    servers = []

    def serve(*answers):
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", '"1"')
                self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
                self.end_headers()
                self.wfile.write(body if self.command != "HEAD" else b"")

            do_HEAD = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def nobody():
    """The address of a port that nobody listens on."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"


def error_xml(code):
    return (
        f"<Error><Code>{code}</Code><Message>no</Message><Key>the-secret-of-the-tests</Key></Error>".encode()
    )


def test_a_store_that_is_gone_is_named_by_the_probe(nobody):
    with pytest.raises(StorageError, match="does not answer") as caught:
        files_at(nobody).probe()
    assert nobody in str(caught.value)
    assert "bucket data" in str(caught.value)


def test_a_store_that_is_gone_is_named_by_other_calls(nobody):
    files = files_at(nobody, patience=Patience(1, 1, retries=1, total=1))
    for call in (lambda: files.read("a"), lambda: files.write("a", b""), lambda: list(files.list())):
        with pytest.raises(StorageError, match="does not answer"):
            call()


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"])
def test_refused_credentials_are_told_without_the_credentials(scripted, code):
    files = files_at(scripted((403, error_xml(code))))
    for call in (files.probe, lambda: files.read("a"), lambda: files.write("a", b"")):
        with pytest.raises(StorageError, match="permission was refused") as caught:
            call()
        assert not any(secret in str(caught.value) for secret in SECRETS.values())


def test_secrets_in_an_odd_answer_are_blotted_out(scripted):
    with pytest.raises(StorageError) as caught:
        files_at(scripted((400, b"bad key the-secret-of-the-tests"))).probe()
    assert "the-secret-of-the-tests" not in str(caught.value)
    assert "***" in str(caught.value)
    assert "the-secret-of-the-tests" not in repr(files_at("http://localhost"))


def test_failures_that_pass_are_tried_again(scripted):
    busy = (503, error_xml("SlowDown"))
    assert files_at(scripted(busy, busy, (200, b"at last"))).read("a") == b"at last"


@pytest.mark.parametrize("given", ["access_key", "secret_key"])
def test_half_a_pair_of_keys_is_refused(given):
    with pytest.raises(StorageError, match="needs both access_key and secret_key"):
        files_at("http://127.0.0.1:1", {given: "x"}).probe()


def test_without_keys_requests_are_not_signed(s3_server: S3Server):
    location = s3_server.location()
    s3_server.put(location, "a", b"1", acl="public-read")
    assert Files(location, {}).read("a") == b"1"


def test_the_environment_changes_nothing(s3_server: S3Server, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "someone-else",
        "AWS_SESSION_TOKEN": "token",
        "AWS_REGION": "mars-north-1",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_DEFAULT_REGION": "mars-north-1",
    }.items():
        monkeypatch.setenv(name, value)
    files = Files(s3_server.location("p"), s3_server.secrets)
    files.write("a", b"1")
    assert [info.key for info in files.list()] == ["a"]


def test_objects_that_stand_for_folders_are_left_out(s3_server: S3Server):
    location = s3_server.location()
    for key in ("data/", "data/set/", "data/set/a.txt", "data/set/empty.txt"):
        s3_server.put(location, key)
    found = [info.key for info in Files(location, s3_server.secrets).list()]
    assert found == ["data/set/a.txt", "data/set/empty.txt"]


def test_an_object_without_a_usable_key_is_named(s3_server: S3Server):
    location = s3_server.location()
    s3_server.put(location, "data//double.txt")
    with pytest.raises(StorageError, match=r"data//double\.txt"):
        list(Files(location, s3_server.secrets).list())


def test_https_is_required_unless_the_endpoint_says_http():
    with pytest.raises(StorageError, match="does not answer"):
        files_at("https://127.0.0.1:9").probe()


@pytest.fixture
def proxy(s3_server: S3Server):
    proxy = FaultProxy(s3_server.url)
    yield proxy
    proxy.close()


def test_a_listing_that_breaks_off_is_gone_on_with(s3_server: S3Server, proxy: FaultProxy):
    location = s3_server.location("data")
    direct = Files(location, s3_server.secrets)
    names = [f"{number:02d}" for number in range(20)]
    for name in names:
        direct.write(name, b"1")
    proxy.fault = Fault.CUT
    proxy.heal_after(2)
    files = Files(behind(proxy, location), s3_server.secrets, Patience(1, 1, retries=3, total=5))
    assert [info.key for info in files.list()] == names
    proxy.fault = Fault.CUT
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        list(files.list())


def test_a_download_goes_on_when_the_clients_own_patience_is_over(
    s3_server: S3Server, proxy: FaultProxy, tmp_path
):
    location = s3_server.location("data")
    data = random.Random(1).randbytes(16 << 20)  # noqa: S311 - no secret
    Files(location, s3_server.secrets).write("large", data)
    proxy.fault = Fault.CUT
    proxy.heal_after(2)
    impatient = Files(behind(proxy, location), s3_server.secrets, Patience(5, 5, retries=0, total=1))
    impatient.download("large", tmp_path / "large")
    assert proxy.struck == 2
    assert hashlib.sha256((tmp_path / "large").read_bytes()).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HANG, Fault.CUT_UPLOAD])
def test_a_store_that_may_come_back_is_told_from_one_that_refuses(s3_server: S3Server, proxy, fault):
    files = Files(behind(proxy, s3_server.location()), s3_server.secrets, Patience(1, 0.3, 1, 0.5))
    proxy.fault = fault
    with pytest.raises(StoreUnavailableError):
        files.write("a", b"1" * 1000)
    proxy.fault = Fault.NONE
    gone = files.location.store.model_copy(update={"bucket": "no-such-bucket"})
    with pytest.raises(StorageError, match="does not exist") as caught:
        Files(Location(store=gone), s3_server.secrets).write("a", b"1")
    assert not isinstance(caught.value, StoreUnavailableError)


def test_a_bucket_copies_by_itself(s3_server: S3Server):
    files = Files(s3_server.location(), s3_server.secrets)
    files.write("results/a/model.onnx", b"graph")
    files.copy("results/a/model.onnx", "published/net ü/v_1/model.onnx")
    assert files.read("published/net ü/v_1/model.onnx") == b"graph"


def test_what_s3_finds_too_large_to_copy_is_copied_part_by_part(s3_server: S3Server, monkeypatch):
    monkeypatch.setattr("tunesmith.storage.files._LARGEST_S3_COPY", 1 << 20)
    files = Files(s3_server.location(), s3_server.secrets)
    content = random.Random(0).randbytes(20 << 20)  # noqa: S311 - it need not be secret
    files.write("a.pth", content)
    files.copy("a.pth", "b.pth")
    assert files.read("b.pth") == content
    (copied,) = (info for info in files.list() if info.key == "b.pth")
    assert copied.etag.endswith('-3"'), "three parts"
