"""Whether the server is well, told without a login."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.live_server import Server

from tunesmith.server.app import create_app
from tunesmith.server.health.build import Build, this_build
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.settings import Settings

READINESS = "/api/v1/health/readiness"


@pytest.mark.shows("GET /health", "GET /health/liveness", "GET /health/readiness")
@pytest.mark.parametrize("path", ["health", "health/liveness", "health/readiness"])
@pytest.mark.parametrize("prefix", ["/api/v1", "/default/api/v1"])
def test_a_well_server_says_ok(server: Server, prefix: str, path: str) -> None:
    reply = server.client.get(f"{server.url}{prefix}/{path}")
    assert reply.status_code == 200
    assert reply.json() == "OK"


class Pulse:
    """Stands in the scheduler's place: it lives or not."""

    alive = True


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    """An application whose lifespan is not entered: the tests take its parts away."""
    made = create_app(Settings(data_dir=tmp_path))
    made.state.database = Database(f"sqlite:///{tmp_path / 'tunesmith.db'}")
    made.state.scheduler = Pulse()
    yield made
    made.state.database.dispose()


def unready(app: FastAPI) -> str:
    client = TestClient(app)
    reply = client.get(READINESS)
    assert reply.status_code == 503
    assert client.get("/api/v1/health/liveness").status_code == 200
    sentence: str = reply.json()["error_desc"]
    return sentence


def test_a_server_without_its_database_is_not_ready(app: FastAPI, tmp_path: Path) -> None:
    assert TestClient(app).get(READINESS).status_code == 200
    app.state.database = Database(f"sqlite:///{tmp_path / 'gone' / 'tunesmith.db'}")
    assert "database" in unready(app)


def test_a_server_with_a_full_disk_is_not_ready_and_tells_strangers_no_paths(
    app: FastAPI, tmp_path: Path
) -> None:
    app.state.settings = Settings(data_dir=tmp_path, min_free_mb=2**40)
    sentence = unready(app)
    assert "disk" in sentence
    assert str(tmp_path) not in sentence


def test_a_server_whose_scheduler_has_stopped_is_not_ready(app: FastAPI) -> None:
    app.state.scheduler.alive = False
    assert "scheduler" in unready(app)


def test_the_build_of_a_checkout_is_known() -> None:
    assert isinstance(this_build(), Build)
    assert this_build().version
