"""What tests of several parts of the server share."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def logs_put_back() -> Iterator[None]:
    """What a test sets of logging is as before for the tests after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
