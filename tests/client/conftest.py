from collections.abc import Iterator

import pytest
from tests.client.tiny_server import TinyServer

from tunesmith.client import Client, RetryPolicy


@pytest.fixture
def tiny() -> Iterator[TinyServer]:
    server = TinyServer()
    yield server
    server.stop()


@pytest.fixture
def client(tiny: TinyServer) -> Iterator[Client]:
    with Client(tiny.url, "acme", token="t0ken", retry=RetryPolicy(first_pause=0.0)) as client:
        yield client
