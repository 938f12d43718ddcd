"""A proxy in front of a real server that fails for a while, in the ways that stores fail."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tunesmith.storage.locations import Location, S3Store

_HOP_BY_HOP = {"transfer-encoding", "content-length", "connection", "server", "date", "host", "expect"}


class Fault(Enum):
    """What befalls a request."""

    NONE = "it is passed on"
    ERROR = "it is answered with status 500"
    HANG = "it is not answered at all"
    CUT = "the connection is cut in the middle of the answer"
    CUT_UPLOAD = "the connection is cut while the request is read"


class FaultProxy:
    """Passes requests on to a server, but for faults.

    Attributes:
        url: where it listens.
        fault: what befalls each request from now on; may be changed at any time.
        struck: how many requests a fault befell.
        puts: the paths of all uploads that came through whole.
    """

    def __init__(self, url: str) -> None:
        self._upstream = urlsplit(url)
        self.fault = Fault.NONE
        self.struck = 0
        self.puts: list[str] = []
        self._guard = threading.Lock()
        self._left, self._then = 0, self._heal
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def heal_after(self, times: int) -> None:
        """Pass requests on again as soon as the fault befell so many."""
        self._left, self._then = times, self._heal

    def on_strike(self, then: Callable[[], None]) -> None:
        """Call this when the fault befalls a request."""
        self._left, self._then = 1, then

    def close(self) -> None:
        """Stop; requests that hang are let go."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with suppress(ConnectionError):
                    super().handle_one_request()

            def log_message(self, *_: object) -> None:
                pass

        def answer(request: BaseHTTPRequestHandler) -> None:
            proxy._answer(request)

        for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
            setattr(Handler, f"do_{method}", answer)
        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        fault = self.fault
        length = int(request.headers.get("Content-Length") or 0)
        if fault is Fault.CUT_UPLOAD:
            request.rfile.read(length // 2)
            self._strike(lambda: _cut(request))
            return
        body = request.rfile.read(length)
        if fault is Fault.ERROR:
            self._strike(lambda: _send(request, 500, {}, b""))
        elif fault is Fault.HANG:
            self._strike(self._closing.wait)
            _cut(request)
        else:
            self._pass_on(request, body, fault)

    def _strike(self, do: Callable[[], object]) -> None:
        with self._guard:
            self.struck += 1
            self._left -= 1
            if self._left == 0:
                self._then()
        do()

    def _heal(self) -> None:
        self.fault = Fault.NONE

    def _pass_on(self, request: BaseHTTPRequestHandler, body: bytes, fault: Fault) -> None:
        upstream = HTTPConnection(self._upstream.hostname or "", self._upstream.port)
        upstream.request(request.command, request.path, body, _passed(request.headers.items()))
        reply = upstream.getresponse()
        content = reply.read()
        headers = _passed(reply.getheaders())
        if request.command == "HEAD":
            headers["Content-Length"] = reply.getheader("Content-Length") or "0"
        if fault is Fault.CUT and len(content) > 1:
            self._strike(lambda: _send(request, reply.status, headers, content, len(content) // 2))
            _cut(request)
            return
        _send(request, reply.status, headers, content)
        if request.command == "PUT" and reply.status == 200:
            self.puts.append(urlsplit(request.path).path)


def behind(proxy: FaultProxy, location: Location) -> Location:
    """The same place, reached through the proxy."""
    assert isinstance(location.store, S3Store)
    store = location.store.model_copy(update={"endpoint_url": proxy.url})
    return location.model_copy(update={"store": store})


def _passed(headers: "list[tuple[str, str]]") -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}


def _send(
    request: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    body: bytes,
    sent: int | None = None,
) -> None:
    """Answer; of the body only the first `sent` bytes, if that is given."""
    request.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | headers).items():
        request.send_header(name, value)
    request.end_headers()
    with suppress(ConnectionError):
        request.wfile.write(body[:sent])
        request.wfile.flush()


def _cut(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    with suppress(OSError):
        request.connection.shutdown(socket.SHUT_RDWR)
