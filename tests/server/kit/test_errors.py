"""Failures of the server itself, in the one shape and with an id to look for."""

import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from tunesmith.server.kit.errors import install_error_handlers
from tunesmith.server.kit.middleware import Journal


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(Journal)
    install_error_handlers(app)

    @app.get("/defect")
    def defect() -> None:
        raise KeyError("the inside of the server")

    @app.get("/lost")
    def lost() -> None:
        raise OperationalError("SELECT secret", {}, Exception("connection refused"))

    return TestClient(app, raise_server_exceptions=False)


def test_a_defect_shows_nothing_of_the_inside_but_where_to_look(client: TestClient) -> None:
    with structlog.testing.capture_logs() as lines:
        reply = client.get("/defect", headers={"X-Request-ID": "look-here"})
    assert reply.status_code == 500
    assert reply.headers["X-Request-ID"] == "look-here"
    assert "look-here" in reply.json()["error_desc"]
    assert "inside" not in reply.text
    assert any(line["event"] == "request_crashed" for line in lines)


def test_a_database_that_is_gone_is_a_matter_of_time(client: TestClient) -> None:
    reply = client.get("/lost")
    assert reply.status_code == 503
    assert reply.json()["error_code"] == 503
    assert "try again" in reply.json()["error_desc"]
    assert "SELECT" not in reply.text
