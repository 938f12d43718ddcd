"""What Azure's and Google's storage have of their own."""

import json
import os
import subprocess
import sys
from base64 import b64encode

import pytest
from tests.cloud_services import AzureServer, GcsServer

from tunesmith.storage.errors import StorageError, StorageFileMissingError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import GcsStore, Location
from tunesmith.storage.reach import refuse_own_network

SECRET = "the-secret-of-the-tests"
BODY = bytes(range(256)) * 8192


class StopError(Exception):
    pass


def test_a_bucket_of_google_is_listed_and_read(gcs_server: GcsServer, tmp_path):
    location = gcs_server.location("team/one")
    for key, body in {"a.txt": b"a", "deep/b c.bin": BODY, "é%.txt": b""}.items():
        gcs_server.put(location, key, body)
    files = Files(location, {})
    files.probe()
    assert [(info.key, info.size) for info in files.list()] == [
        ("a.txt", 1),
        ("deep/b c.bin", len(BODY)),
        ("é%.txt", 0),
    ]
    assert files.read("a.txt") == b"a"
    assert b"".join(files.stream("deep/b c.bin", start=70_001)) == BODY[70_001:]
    with pytest.raises(StorageFileMissingError, match=r"none\.txt"):
        files.read("none.txt")


def test_a_download_from_google_continues_where_it_was_interrupted(gcs_server: GcsServer, tmp_path):
    location = gcs_server.location()
    gcs_server.put(location, "f", BODY)

    def stop(_):
        raise StopError

    with pytest.raises(StopError):
        Files(location, {}).download("f", tmp_path / "f", stop)
    arrived: list[int] = []
    Files(location, {}).download("f", tmp_path / "f", arrived.append)
    assert 0 < arrived[0] < len(BODY)  # what was there already
    assert sum(arrived) == len(BODY)
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_bucket_of_google_that_is_missing_is_named(gcs_server: GcsServer):
    store = GcsStore(id="w", bucket="no-such", endpoint_url=gcs_server.url)
    with pytest.raises(StorageError, match="bucket no-such"):
        Files(Location(store=store), {}).probe()


@pytest.mark.parametrize(
    "key",
    [
        "not json " + SECRET,
        json.dumps([SECRET]),
        json.dumps({"client_email": "a@b", "private_key": SECRET}),
        json.dumps({"client_email": "a@b", "private_key": SECRET, "private_key_id": "1"}),
    ],
)
def test_a_key_that_google_did_not_make_is_refused_without_showing_it(key):
    store = GcsStore(id="w", bucket="mine", endpoint_url="https://127.0.0.1:9")
    with pytest.raises(StorageError) as caught:
        Files(Location(store=store), {"service_account_key": key}).probe()
    assert "mine" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_environment_changes_nothing_at_google(gcs_server: GcsServer):
    location = gcs_server.location()
    gcs_server.put(location, "a", b"1")
    program = (
        "import sys; from tunesmith.storage.files import Files, Location;"
        "print([one.key for one in Files(Location.model_validate_json(sys.argv[1]), {}).list()])"
    )
    theirs = {
        "GOOGLE_SERVICE_ACCOUNT": "/nowhere",
        "GOOGLE_SERVICE_ACCOUNT_KEY": "{}",
        "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere",
        "GOOGLE_BASE_URL": "http://127.0.0.1:1",
        "GOOGLE_BEARER_TOKEN": "token",
        "GOOGLE_BUCKET": "theirs",
    }
    command = [sys.executable, "-c", program, location.model_dump_json()]
    done = subprocess.run(command, env=os.environ | theirs, capture_output=True, text=True, check=False)
    assert done.stdout == "['a']\n", done.stderr


def test_a_wrong_key_of_azure_is_told_without_showing_it(azure_server: AzureServer):
    location = azure_server.location()
    wrong = b64encode(SECRET.encode() * 3).decode()
    with pytest.raises(StorageError, match="permission was refused") as caught:
        Files(location, {"access_key": wrong}).probe()
    assert wrong not in str(caught.value)
    with pytest.raises(StorageError, match="copy a whole key") as caught:
        Files(location, {"access_key": f"{SECRET}!"}).probe()
    assert SECRET not in str(caught.value)


def test_a_private_container_wants_a_key(azure_server: AzureServer):
    with pytest.raises(StorageError, match="permission was refused"):
        Files(azure_server.location(), {}).probe()


def test_the_environment_changes_nothing_at_azure(azure_server: AzureServer, monkeypatch):
    location = azure_server.location()
    for name, value in {
        "AZURE_STORAGE_ACCOUNT_NAME": "theirs",
        "AZURE_STORAGE_ACCOUNT_KEY": "a2V5",
        "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:1",
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURE_SKIP_SIGNATURE": "true",
        "AZURE_STORAGE_TOKEN": "token",
        "AZURE_CONTAINER_NAME": "theirs",
    }.items():
        monkeypatch.setenv(name, value)
    files = Files(location, azure_server.secrets)
    files.write("a", b"1")
    assert [info.key for info in files.list()] == ["a"]


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "224.0.0.1", "0.0.0.0", "2852039166"])
def test_storage_is_never_on_the_link_itself(host):
    with pytest.raises(StorageError, match="no address of a storage server"):
        refuse_own_network(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.5", "localhost", "no-such-host.invalid"])
def test_storage_may_be_next_door(host):
    refuse_own_network(host)
