"""Requests, by route, method and status, and how long they took."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tunesmith.server.kit.routes import RouteNames

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "OTHER"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CRASHED = 500


class RequestMetrics:
    """What has been measured of the requests of one server, since its start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tunesmith_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "tunesmith_http_request_seconds",
            "Time from a request to the beginning of its reply.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one request. A method that nobody has heard of has no series of its own."""
        known = method if method in _METHODS else _OTHER
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)


class Measured:
    """Measures each request. It must see the scope that the router writes to."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, names: RouteNames) -> None:
        self._app = app
        self._metrics = metrics
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        answered = False

        def note(status: int) -> None:
            nonlocal answered
            answered = True
            seconds = time.perf_counter() - started
            self._metrics.observe(scope["method"], self._names.of(scope), status, seconds)

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                note(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            if not answered:
                note(_CRASHED)
