"""A real S3 protocol server on loopback, and a gate in front of it that can hold a download up."""

import http.client
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import urlsplit

import httpx

from tunesmith.storage.locations import Location, S3Store

SECRETS = {"access_key": "AKIDEXAMPLE", "secret_key": "the-secret-of-the-tests"}
_CHUNK = 1 << 16


@dataclass
class S3Server:
    """Where the server is. Any credentials do; `secrets` are some."""

    url: str
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    _numbers: "count[int]" = field(default_factory=count)

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"bucket-{next(self._numbers)}"
        httpx.put(f"{self.url}/{name}").raise_for_status()
        return name

    def location(self, prefix: str = "") -> Location:
        """A place in a new bucket."""
        bucket = self.bucket()
        return Location(store=S3Store(id=bucket, bucket=bucket, endpoint_url=self.url), prefix=prefix)

    def put(self, location: Location, key: str, data: bytes = b"", acl: str = "private") -> None:
        """Store an object under exactly this key, which need not be one that we would write."""
        assert isinstance(location.store, S3Store)
        url = f"{self.url}/{location.store.bucket}/{key}"
        httpx.put(url, content=data, headers={"x-amz-acl": acl}).raise_for_status()


class Gate:
    """Passes requests on to an S3 server, lets `limit` bytes of bodies through and holds the rest.

    `gets` are the downloads: key, first byte asked for.
    """

    def __init__(self, server: S3Server, limit: int) -> None:
        self._upstream = urlsplit(server.url)
        self._left = limit
        self._open = threading.Event()
        self.gets: list[tuple[str, int]] = []
        self.reached = threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gate.pass_on(self)

            def do_HEAD(self) -> None:
                gate.pass_on(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def open(self) -> None:
        """Hold nothing up any more."""
        self._open.set()

    def close(self) -> None:
        """Stop serving."""
        self.open()
        self._server.shutdown()
        self._server.server_close()

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        """Answer as the server behind does."""
        upstream = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        upstream.request(request.command, request.path, headers=headers)
        answer = upstream.getresponse()
        body = answer.read()
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length", "connection", "server", "date"}:
                request.send_header(name, value)
        length = answer.getheader("Content-Length") if request.command == "HEAD" else str(len(body))
        request.send_header("Content-Length", length or "0")
        request.end_headers()
        if request.command == "GET" and "list-type" not in request.path:
            start = request.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0]
            self.gets.append((request.path.rsplit("/", maxsplit=1)[-1], int(start)))
        with suppress(ConnectionError):
            self._send(request, body)

    def _send(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        for start in range(0, len(body), _CHUNK):
            chunk = body[start : start + _CHUNK]
            if self._left < len(chunk) and not self._open.is_set():
                self.reached.set()
                self._open.wait()
            self._left -= len(chunk)
            request.wfile.write(chunk)
