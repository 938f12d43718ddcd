"""What can be wrong with a request, and how it is answered.

ServiceError            any refusal: a sentence, an HTTP status
├── BadRequestError     400
│   └── SpecsRefusedError   400, with every problem of the spec
├── UnauthorizedError   401
├── ForbiddenError      403
├── NotFoundError       404
├── ConflictError       409
├── PreconditionError   412
├── TooLargeError       413
├── RangeError          416, with the size of what is there
├── MisdirectedError    421
├── RateLimitedError    429
└── UnavailableError    503

Every error reply has one shape: {"error_desc": str, "error_code": int}, where error_code is the HTTP
status. A refused spec adds "problems", one entry a key.
"""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from tunesmith.specs import SpecError

DESCRIPTION_LIMIT = 1000
"""Longest error_desc in characters, as the API documents it."""


class ServiceError(Exception):
    """A request that is refused. The message is what the client reads."""

    status = 500

    def body(self) -> dict[str, Any]:
        """The reply."""
        return {"error_desc": shortened(str(self)), "error_code": self.status}

    def headers(self) -> dict[str, str]:
        """What the reply's headers say about it."""
        return {}


class BadRequestError(ServiceError):
    """The request itself is wrong."""

    status = 400


class SpecsRefusedError(BadRequestError):
    """The specs do not fit the network."""

    def __init__(self, error: SpecError) -> None:
        self._problems = error.problems
        super().__init__(f"The specs have {len(error.problems)} problem(s). {error}")

    def body(self) -> dict[str, Any]:
        problems = [
            {"key": one.path, "rule": one.rule, "value": one.value, "nearest": one.suggestion}
            for one in self._problems
        ]
        return super().body() | {"problems": problems}


class UnauthorizedError(ServiceError):
    """Nobody is logged in, or the key is wrong."""

    status = 401


class ForbiddenError(ServiceError):
    """The caller may not do this."""

    status = 403


class NotFoundError(ServiceError):
    """There is no such object, or the caller may not know of it."""

    status = 404

    @classmethod
    def of(cls, kind: str, identity: object) -> "NotFoundError":
        """The error for one object, e.g. of("Dataset", its id)."""
        return cls(f"{kind} {identity} not found")


class ConflictError(ServiceError):
    """The object has moved on since the caller looked."""

    status = 409


class PreconditionError(ServiceError):
    """The object is not in the state that the request names."""

    status = 412


class TooLargeError(ServiceError):
    """There is more in the request than one may hold."""

    status = 413


class RangeError(ServiceError):
    """What is asked for lies behind the end."""

    status = 416

    def __init__(self, size: int) -> None:
        self._size = size
        super().__init__(f"The range asked for lies behind the end: there are {size} bytes")

    def headers(self) -> dict[str, str]:
        return {"Content-Range": f"bytes */{self._size}"}


class MisdirectedError(ServiceError):
    """Another server of the same installation is to be asked this."""

    status = 421


class RateLimitedError(ServiceError):
    """The caller asks more often than it may."""

    status = 429


class UnavailableError(ServiceError):
    """The server cannot do this now."""

    status = 503


def shortened(text: str) -> str:
    """The text within the length that the API promises."""
    return text if len(text) <= DESCRIPTION_LIMIT else f"{text[: DESCRIPTION_LIMIT - 3]}..."


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error in the one shape."""
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OperationalError, _database_lost)
    app.add_exception_handler(Exception, _crashed)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)  # noqa: S101 - registered for this class alone
    return JSONResponse(error.body(), error.status, error.headers())


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class alone
    problems = "; ".join(_problem(one) for one in error.errors())
    return JSONResponse({"error_desc": shortened(problems), "error_code": 400}, 400)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    body = {"error_desc": shortened(str(error.detail)), "error_code": error.status_code}
    return JSONResponse(body, error.status_code, headers=error.headers)


async def _database_lost(_: Request, error: Exception) -> JSONResponse:
    structlog.get_logger().error("database_lost", exc_info=error)
    text = "The server's database does not answer now; try again later."
    return JSONResponse({"error_desc": text, "error_code": 503}, 503)


async def _crashed(_: Request, error: Exception) -> JSONResponse:
    """This answers outside of the journal, and so gives the reply its id by itself."""
    structlog.get_logger().error("request_crashed", exc_info=error)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    text = f"The server failed to answer this request; its log has the details under {request_id}."
    return JSONResponse({"error_desc": text, "error_code": 500}, 500, {"X-Request-ID": request_id})


def _problem(error: dict[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"The body is not valid JSON: {error['ctx']['error']} at character {error['loc'][-1]}"
    place = ".".join(str(part) for part in error["loc"] if part not in {"body", "query", "path"})
    return f"{place or 'body'}: {error['msg']}"
