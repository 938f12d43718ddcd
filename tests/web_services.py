"""Web servers on loopback: one for files, with the bad habits that tests ask for, and a Hugging Face hub."""

import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PIECE = 1 << 16


@dataclass
class Page:
    """What a server has under a path, and how it behaves about it.

    Attributes:
        ranges: whether it can send a part.
        chunked: whether it leaves the length unsaid.
        announced: the length that it claims, if not the true one.
        break_after: bytes after which it hangs up, for the first `breaks` downloads.
        hold: if set, it does not hang up there but waits for this.
        redirect: where it sends its visitors.
    """

    body: bytes = b""
    ranges: bool = True
    chunked: bool = False
    announced: int | None = None
    break_after: int | None = None
    breaks: int = 1
    hold: threading.Event | None = None
    redirect: str | None = None
    status: int = 200
    etag: str | None = None

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"' if self.etag is None else self.etag


class WebServer:
    """Serves `pages` by path; `asked` are the requests: path with query, Range, Host."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.sent = 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(ConnectionError, ssl.SSLError):
                    web.answer(self)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def downloads(self) -> list[str]:
        """The ranges of the requests that were for content."""
        return [asked for _, asked, _ in self.asked if asked != "bytes=0-0"]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        wanted = request.headers.get("Range", "")
        self.asked.append((request.path, wanted, request.headers.get("Host", "")))
        page = self.pages.get(urlsplit(request.path).path)
        if page is None or page.status != 200:
            self.reply(request, page.status if page else 404, b"nothing")
        elif page.redirect is not None:
            request.send_response(302)
            request.send_header("Location", page.redirect)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            self._file(request, page, wanted)

    @staticmethod
    def reply(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
        """A short answer."""
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _file(self, request: BaseHTTPRequestHandler, page: Page, wanted: str) -> None:
        start, end = 0, len(page.body)
        same = request.headers.get("If-Range", page.tag) == page.tag
        if wanted and page.ranges and same:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(end, int(last) + 1) if last else end
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(page.body)}")
        else:
            request.send_response(200)
        if page.tag:
            request.send_header("ETag", page.tag)
        if page.chunked:
            request.send_header("Transfer-Encoding", "chunked")
        else:
            length = end - start if page.announced is None else page.announced
            request.send_header("Content-Length", str(length))
        request.end_headers()
        self._send(request, page, page.body[start:end], whole=wanted != "bytes=0-0")

    def _send(self, request: BaseHTTPRequestHandler, page: Page, body: bytes, *, whole: bool) -> None:
        cut = page.break_after if whole and page.breaks > 0 else None
        for piece in _pieces(body if cut is None else body[:cut]):
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if page.chunked else piece)
            self.sent += len(piece)
        if cut is not None:
            page.breaks -= 1
            if page.hold:
                request.wfile.flush()
                page.hold.wait()
            request.close_connection = True
            request.wfile.flush()
            request.connection.close()
        elif page.chunked:
            request.wfile.write(b"0\r\n\r\n")


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


@dataclass
class Certificate:
    """A certificate for localhost and 127.0.0.1 that vouches for itself."""

    path: Path
    context: ssl.SSLContext = field(repr=False)

    @classmethod
    def make(cls, folder: Path) -> "Certificate":
        """Written to a file that clients can trust."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.DNSName("files.example")])
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        path, secret = folder / "certificate.pem", folder / "key.pem"
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, secret)
        return cls(path, context)


class HubServer(WebServer):
    """The part of a hub's protocol by which datasets are read: revisions, trees, paths and files.

    `files` are the files of the dataset acme/pets, which only `TOKEN` may read.
    """

    TOKEN = "hf_theTokenOfTheTests"
    SHA = "0123456789abcdef0123456789abcdef01234567"
    REVISIONS = ("main", "v1.0", "refs/pr/1", SHA)

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.large: set[str] = set()
        self.page_size = 2
        self.break_after: int | None = None
        super().__init__()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        parts = urlsplit(request.path)
        path = parts.path
        self.asked.append((request.path, request.headers.get("Range", ""), request.headers.get("Host", "")))
        if path.startswith("/storage/"):
            assert "Authorization" not in request.headers, "a token must not leave the hub"
            self._content(request, path.removeprefix("/storage/"))
        elif request.headers.get("Authorization") != f"Bearer {self.TOKEN}":
            self._refuse(request, path)
        elif path == "/api/whoami-v2":
            self._json(request, {"name": "ada"})
        else:
            self._dataset(request, path, parse_qs(parts.query))

    def _refuse(self, request: BaseHTTPRequestHandler, path: str) -> None:
        if path == "/api/datasets":
            self._json(request, [])
        elif "Authorization" in request.headers or path == "/api/whoami-v2":
            self.reply(request, 401, b"{}", X_Error_Message="Invalid credentials in Authorization header")
        else:
            self.reply(request, 401, b"{}", X_Error_Code="RepoNotFound")

    def _dataset(self, request: BaseHTTPRequestHandler, path: str, query: dict[str, list[str]]) -> None:
        api, page = "/api/datasets/acme/pets", "/datasets/acme/pets/resolve/"
        if path.startswith(page):
            revision, _, name = path.removeprefix(page).partition("/")
            self._resolve(request, unquote(revision), unquote(name))
            return
        verb, _, rest = path.removeprefix(f"{api}/").partition("/")
        revision, _, folder = rest.partition("/")
        if path == api:
            verb, revision = "revision", "main"
        if not path.startswith(api):
            self.reply(request, 404, b"{}", X_Error_Code="RepoNotFound")
        elif unquote(revision) not in self.REVISIONS:
            self.reply(request, 404, b"{}", X_Error_Code="RevisionNotFound")
        elif verb == "revision":
            self._json(
                request, {"id": "acme/pets", "sha": self.SHA, "lastModified": "2026-01-02T03:04:05.000Z"}
            )
        elif verb == "tree":
            self._tree(request, unquote(folder), int(query.get("cursor", ["0"])[0]))
        else:
            form = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
            self._json(request, [self._entry(one) for one in form["paths"] if one in self.files])

    def _tree(self, request: BaseHTTPRequestHandler, folder: str, start: int) -> None:
        names = sorted(name for name in self.files if not folder or name.startswith(f"{folder}/"))
        if folder and not names:
            self.reply(request, 404, b"{}", X_Error_Code="EntryNotFound")
            return
        headers = {}
        if start + self.page_size < len(names):
            address = (
                f"{self.url}{urlsplit(request.path).path}?recursive=True&cursor={start + self.page_size}"
            )
            headers = {"Link": f'<{address}>; rel="next"'}
        entries = [self._entry(name) for name in names[start : start + self.page_size]]
        folders = [{"type": "directory", "path": "sub", "oid": "0" * 40, "size": 0}]
        self._json(request, [*folders, *entries], **headers)

    def _entry(self, name: str) -> dict[str, object]:
        body = self.files[name]
        entry = {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}  # noqa: S324
        if name in self.large:
            sha = hashlib.sha256(body).hexdigest()
            return entry | {"lfs": {"oid": sha, "size": len(body), "pointerSize": 134}}
        return entry

    def _resolve(self, request: BaseHTTPRequestHandler, revision: str, name: str) -> None:
        assert revision == self.SHA, "a pull must read one commit"
        if name not in self.files:
            self.reply(request, 404, b"", X_Error_Code="EntryNotFound")
        elif name in self.large:  # large files lie on another host
            elsewhere = f"http://localhost:{self.port}/storage/{name}"
            self.reply(request, 302, b"", Location=elsewhere)
        else:
            self._content(request, name)

    def _content(self, request: BaseHTTPRequestHandler, name: str) -> None:
        page = Page(self.files[name], break_after=self.break_after)
        self.break_after = None
        self._file(request, page, request.headers.get("Range", ""))

    def _json(self, request: BaseHTTPRequestHandler, value: object, **headers: str) -> None:
        self.reply(request, 200, json.dumps(value).encode(), Content_Type="application/json", **headers)
