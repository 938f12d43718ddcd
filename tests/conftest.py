"""What tests of several parts share."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from tests.s3_services import S3Server

from tunesmith.data.digits import write_digits


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
def digits_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few hundred handwritten digits in the classification_pyt layout. Do not change it."""
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder, train=300, val=100, test=100)
    return folder
