from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live_server import Server
from tests.s3_services import S3Server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server process of this test's own, to be killed and started again."""
    running = Server(tmp_path / "own")
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
def grown_server(tmp_path: Path, postgres_url: str, s3_server: S3Server) -> Iterator[Server]:
    """A server on PostgreSQL whose aws workspaces are on an S3 server."""
    running = Server(tmp_path / "grown", TUNESMITH_DATABASE_URL=postgres_url, AWS_ENDPOINT_URL=s3_server.url)
    yield running
    running.stop()
