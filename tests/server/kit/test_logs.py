"""The log: its two forms, and what must not be in it."""

import io
import json
import logging
from collections.abc import Callable

import pytest
import structlog

from tunesmith.server.kit.logs import configure_logs
from tunesmith.server.kit.settings import Settings

Logged = Callable[[], list[str]]


@pytest.fixture(params=["console", "json"])
def logged(request: pytest.FixtureRequest, logs_put_back: None) -> Logged:
    """Lines logged so far, in either form."""
    stream = io.StringIO()
    configure_logs(Settings(log_format=request.param), stream)
    return lambda: stream.getvalue().splitlines()


def test_a_line_tells_the_event_its_time_and_its_request(logged: Logged) -> None:
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger().warning("something_happened", job="j1")
    structlog.contextvars.clear_contextvars()
    (line,) = logged()
    for part in ("something_happened", "j1", "r1", "warning", "Z"):
        assert part in line


def test_libraries_speak_in_the_same_form(logged: Logged) -> None:
    logging.getLogger("some.library").error("it %s", "broke")
    logging.getLogger("uvicorn.access").info("not wanted")
    (line,) = logged()
    assert "it broke" in line
    if line.startswith("{"):
        assert json.loads(line)["level"] == "error"


def test_what_is_less_severe_than_asked_for_is_left_out(logged: Logged) -> None:
    structlog.get_logger().debug("detail")
    assert logged() == []


def test_tracebacks_do_not_show_the_values_of_variables(logged: Logged) -> None:
    def fail() -> None:
        password = "NOT-TO-BE-SEEN".lower()
        raise RuntimeError(f"failed with {len(password)} characters")

    try:
        fail()
    except RuntimeError:
        structlog.get_logger().exception("crashed")
    text = "\n".join(logged())
    assert "failed with 14 characters" in text
    assert "test_logs.py" in text
    assert "not-to-be-seen" not in text
