"""What happens to every request before it reaches its endpoint."""

import logging
import re
import time
from uuid import uuid4

import anyio
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DEFAULT_NAMESPACE = "/default/api/"
_REQUEST_ID = "X-Request-ID"
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BOARDS = "/tensorboard/"
_REPORTS = ":report"
_LEAVE = "tunesmith.leave_seat"
_JSON = (b"content-type", b"application/json")


class Journal:
    """Gives each request an id, in its reply and in every log line about it, and logs its outcome.

    A client's own X-Request-ID is kept. What goes well and comes often is logged at DEBUG: reads, as clients
    poll, and what workers report.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger("tunesmith.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[_REQUEST_ID] = request_id
                self._note(scope, message["status"], time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, send_with_id)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope.get("raw_path", b"").decode("ascii", errors="backslashreplace")
        quiet = status < 400 and (scope["method"] in {"GET", "HEAD"} or path.endswith(_REPORTS))
        self._log.log(
            logging.DEBUG if quiet else logging.INFO,
            "request",
            method=scope["method"],
            path=path,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(_REQUEST_ID, "")
    return given if _ACCEPTABLE_ID.fullmatch(given) else uuid4().hex


class Door:
    """Lets in as many requests at once as there are threads to serve them; the others wait outside.

    A request that holds a transaction needs a thread once more, to end it. If others took every thread and
    waited there for that transaction, none would go on.

    A reply that lasts for hours and needs no thread meanwhile gives its seat back by `leave_seat`.
    """

    def __init__(self, app: ASGIApp, seats: int) -> None:
        self._app = app
        self._seats = anyio.CapacityLimiter(seats)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seat = object()
        await self._seats.acquire_on_behalf_of(seat)

        def leave() -> None:
            if scope.pop(_LEAVE, None):
                self._seats.release_on_behalf_of(seat)

        scope[_LEAVE] = leave
        try:
            await self._app(scope, receive, send)
        finally:
            leave()


def leave_seat(scope: Scope) -> None:
    """Let the next request in, although this one has not ended. To be called on the event loop."""
    if leave := scope.get(_LEAVE):
        leave()


class OneNamespace:
    """Makes /default/api/... the same as /api/...: existing clients use either."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope["path"].startswith(_DEFAULT_NAMESPACE):
            scope = {**scope, "path": scope["path"].removeprefix("/default")}
        await self._app(scope, receive, send)


class JsonBodies:
    """Reads every body as JSON: existing clients send no Content-Type, and curl a wrong one.

    TensorBoard's own pages send forms to it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and not scope["path"].startswith(_BOARDS):
            headers = [one for one in scope["headers"] if one[0] != b"content-type"]
            scope = {**scope, "headers": [*headers, _JSON]}
        await self._app(scope, receive, send)
