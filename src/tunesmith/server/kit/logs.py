"""The server's log: structlog, for our own lines and those of the libraries, on standard error."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from tunesmith.server.kit.settings import Settings

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
_TOO_CHATTY = ("uvicorn.access", "uvicorn.error", "alembic", "asyncio")


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Log in the form and from the severity that the settings ask for.

    Tracebacks are plain: those with the values of variables would show secrets.
    """
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_form(settings.log_format, stream or sys.stderr),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    for name in _TOO_CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _form(log_format: str, stream: TextIO) -> tuple[Processor, ...]:
    if log_format == "json":
        return structlog.processors.format_exc_info, structlog.processors.JSONRenderer()
    return (
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, sort_keys=False
        ),
    )
