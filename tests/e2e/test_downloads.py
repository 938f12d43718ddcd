"""Large results leave a real server as they lie in the store: little of them is ever in its memory."""

import hashlib
import io
import socket
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest
from tests.live_server import Server
from tests.s3_services import S3Server

from tunesmith.client import Client
from tunesmith.client.models import Job
from tunesmith.server.app import REQUESTS_AT_ONCE
from tunesmith.storage.files import Files
from tunesmith.storage.locations import FolderStore, Location, S3Store

MIB = 1 << 20
VAST = 5 << 30
MOST_MEMORY = 50 * MIB
BARE = "download_selective_files?best_model=true&tar_files=false"


def memory(server: Server, field: str) -> int:
    """A line of the server's status, in bytes: VmRSS is what it has, VmHWM the most that it had."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


@contextmanager
def little_memory(server: Server) -> Iterator[None]:
    """What happens inside costs the server little memory, at any moment."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # the most that it had begins anew
    before = memory(server, "VmRSS")
    yield
    assert memory(server, "VmHWM") - before < MOST_MEMORY


def job_in(server: Server, workspace: str, files: Files, digits: Path) -> Job:
    """A job that has ended, whose results are what the test puts into `files` of the workspace."""
    for path in digits.iterdir():
        files.upload(path, f"digits/{path.name}")
    with Client(server.url, org=server.org, api_key=server.api_key) as client:
        dataset = client.datasets.create(
            "image_classification", "classification_pyt", workspace=workspace, cloud_file_path="/digits"
        )
        client.datasets.wait(dataset.id, interval=0.05)
        sets = {"train_datasets": [dataset.id], "eval_dataset": dataset.id}
        experiment = client.experiments.create("classification_pyt", workspace=workspace, **sets).id
        specs = client.experiments.default_spec(experiment, "train")
        job = client.jobs.create(experiment, "train", specs)
        client.jobs.cancel(job)
        return [*client.jobs.follow(job, interval=0.05)][-1]


def ask(server: Server, job: Job, verb: str, asked: str = "") -> tuple[int, int, Iterator[bytes]]:
    """The status of a download, the length that it announces, and its body in pieces as fast as they come."""
    address = urlsplit(server.url)
    path = f"/api/v1/orgs/{server.org}/experiments/{job.experiment_id}/jobs/{job.id}:{verb}"
    connection = socket.create_connection((address.hostname or "", address.port or 0), timeout=60)
    head = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {server.login()}\r\n"
    )
    connection.sendall((head + (f"Range: {asked}\r\n" if asked else "") + "\r\n").encode())
    stream = connection.makefile("rb", buffering=0)
    headers = b""
    while not headers.endswith(b"\r\n\r\n"):
        headers += stream.read(1) or b""
    lines = headers.decode().lower().split("\r\n")
    length = next(int(line.split()[1]) for line in lines if line.startswith("content-length:"))
    return int(lines[0].split()[1]), length, _pieces(connection)


def _pieces(connection: socket.socket) -> Iterator[bytes]:
    with connection:
        while piece := connection.recv(1 << 18):
            yield piece


@pytest.fixture
def spacious(tmp_path: Path) -> Iterator[Server]:
    """A server whose workspaces lie in memory, where reading the holes of a file fills no cache."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as root:
        running = Server(tmp_path / "spacious", TUNESMITH_WORKSPACE_ROOTS=root)
        running.root = Path(root)
        yield running
        running.stop()


def test_five_gigabytes_cost_the_server_little_memory(spacious: Server, digits_dataset: Path):
    folder = spacious.folder("vast")
    files = Files(Location(store=FolderStore(id="w", path=folder)), {})
    job = job_in(spacious, spacious.local_workspace(folder), files, digits_dataset)
    vast = folder / "results" / job.id / "model_best.pth"
    vast.parent.mkdir(parents=True, exist_ok=True)
    with vast.open("wb") as file:
        file.truncate(VAST)
    with little_memory(spacious):
        status, length, pieces = ask(spacious, job, "download")
        assert status == 200
        assert length > VAST
        assert sum(map(len, pieces)) == length
    with little_memory(spacious):
        middle = f"bytes={VAST // 2}-{VAST // 2 + 50 * MIB - 1}"
        status, length, pieces = ask(spacious, job, "download", middle)
        assert (status, length, sum(map(len, pieces))) == (206, 50 * MIB, 50 * MIB)
        status, length, pieces = ask(spacious, job, BARE, middle)
        assert (status, length) == (206, 50 * MIB)
        assert not any(piece.strip(b"\0") for piece in pieces)


def test_downloads_that_take_long_hold_up_nobody(spacious: Server, digits_dataset: Path):
    folder = spacious.folder("slow")
    files = Files(Location(store=FolderStore(id="w", path=folder)), {})
    job = job_in(spacious, spacious.local_workspace(folder), files, digits_dataset)
    files.write(f"results/{job.id}/model_best.pth", bytes(50 * MIB))
    slow = [ask(spacious, job, BARE) for _ in range(REQUESTS_AT_ONCE + 6)]
    assert spacious.api("GET", "/workspaces").status_code == 200
    assert all(sum(map(len, pieces)) == length for _, length, pieces in slow[-3:])


class Relay:
    """Passes connections on to a server, and cuts the first ones after so many bytes of the replies.

    Attributes:
        passed: the bytes of replies that each connection was given.
    """

    def __init__(self, server: Server, cuts: list[int]) -> None:
        address = urlsplit(server.url)
        self._server = address.hostname or "", address.port or 0
        self._cuts = cuts
        self.passed: list[int] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(self._server)
                threading.Thread(target=self._ask, args=(here, there), daemon=True).start()
                threading.Thread(target=self._answer, args=(there, here), daemon=True).start()

    def _ask(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while piece := here.recv(1 << 16):
                there.sendall(piece)

    def _answer(self, there: socket.socket, here: socket.socket) -> None:
        passed, limit = 0, self._cuts.pop(0) if self._cuts else sys.maxsize
        with suppress(OSError), here, there:
            while passed < limit and (piece := there.recv(min(1 << 16, limit - passed))):
                here.sendall(piece)
                passed += len(piece)
            here.shutdown(socket.SHUT_RDWR)
        self.passed.append(passed)


def test_the_client_goes_on_where_a_download_broke(server: Server, digits_dataset: Path, tmp_path: Path):
    folder = server.folder("broken")
    files = Files(Location(store=FolderStore(id="w", path=folder)), {})
    job = job_in(server, server.local_workspace(folder), files, digits_dataset)
    model = hashlib.shake_256(b"weights").digest(MIB) * 70
    files.write(f"results/{job.id}/model_best.pth", model)
    files.write(f"results/{job.id}/plot.png", b"plot")
    relay = Relay(server, [20 * MIB, 48 * MIB])
    with Client(relay.url, org=server.org, token=server.login()) as client:
        client.jobs.download(job, tmp_path)
    relay.close()
    assert (tmp_path / "model_best.pth").read_bytes() == model
    assert (tmp_path / "plot.png").read_bytes() == b"plot"
    assert relay.passed[:2] == [20 * MIB, 48 * MIB]
    assert sum(relay.passed) < 71 * MIB


def test_a_bucket_is_sent_alike(server: Server, s3_server: S3Server, digits_dataset: Path):
    bucket = s3_server.location()
    assert isinstance(bucket.store, S3Store)
    details = s3_server.secrets | {"cloud_region": "us-east-1", "cloud_bucket_name": bucket.store.bucket}
    body = {"cloud_type": "aws", "cloud_specific_details": details}
    workspace = server.api("POST", "/workspaces", json=body).json()["id"]
    files = Files(bucket, s3_server.secrets)
    job = job_in(server, workspace, files, digits_dataset)
    model = hashlib.shake_256(b"weights").digest(MIB) * 70
    files.write(f"results/{job.id}/model_best.pth", model)
    with little_memory(server):
        status, length, pieces = ask(server, job, "download")
        packed = b"".join(pieces)
        assert (status, length) == (200, len(packed))
        status, _, pieces = ask(server, job, "download", "bytes=-7000000")
        assert (status, b"".join(pieces)) == (206, packed[-7_000_000:])
        status, _, pieces = ask(server, job, BARE, f"bytes={40 * MIB}-{50 * MIB}")
        assert (status, b"".join(pieces)) == (206, model[40 * MIB : 50 * MIB + 1])
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        assert tar.extractfile(f"{job.id}/model_best.pth").read() == model  # type: ignore[union-attr]
