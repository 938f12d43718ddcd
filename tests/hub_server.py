"""A small stand-in for a Hugging Face hub: what downloads use of its protocol, for every repo type."""

import json
import re
import threading
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

_RESOLVE = re.compile(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_API = re.compile(r"/api/(models|datasets|spaces)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(?:/.*)?)?")
_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass
class Hub:
    """The hub, with files by (repo type, repo, path). Types are models, datasets and spaces.

    Attributes:
        asked: the GET requests for files: path, and the byte from which on.
        breaks: bytes after which the connections of the next downloads break.
        stalls: bytes after which the next downloads send no more; they break once `release` is set.
        lies: files whose announced sum is not theirs.
    """

    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    stalls: list[int] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    lies: set[str] = field(default_factory=set)
    _server: ThreadingHTTPServer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, repo: str, path: str, content: bytes, kind: str = "models") -> None:
        """Publish a file; the repo's commit changes with it."""
        self.files[kind, repo, path] = content

    def commit(self, kind: str, repo: str) -> str:
        """The newest commit of a repo."""
        state = sha1(usedforsecurity=False)
        for (a_kind, a_repo, path), content in sorted(self.files.items()):
            if (a_kind, a_repo) == (kind, repo):
                state.update(path.encode() + content)
        return state.hexdigest()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


def _blob_id(content: bytes) -> str:
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *args: object) -> None:
        self.hub = hub
        super().__init__(*args)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if found := _RESOLVE.fullmatch(path):
            self._file(found[1] or "models", found[2], found[3], found[4], body=body)
        elif found := _API.fullmatch(path):
            self._about(found[1], found[2], found[3])
        else:
            self._refuse("EntryNotFound")

    def _file(self, kind: str, repo: str, revision: str, path: str, *, body: bool) -> None:
        content = self.hub.files.get((kind, repo, path))
        commit = self.hub.commit(kind, repo)
        if content is None or revision not in {"main", commit}:
            self._refuse("EntryNotFound" if self._has(kind, repo) else "RepoNotFound")
            return
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        rest = content[start:]
        if start >= len(content) > 0:
            self._reply(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        etag = sha256(b"" if path in self.hub.lies else content).hexdigest()
        headers = {
            "Accept-Ranges": "bytes",
            "ETag": f'"{etag}"',
            "X-Linked-ETag": f'"{etag}"',
            "X-Linked-Size": str(len(content)),
            "X-Repo-Commit": commit,
            "Content-Type": "application/octet-stream",
        }
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if body:
            self.hub.asked.append((path, start))
        self._reply(206 if asked else 200, headers, rest, body=body)

    def _about(self, kind: str, repo: str, part: str | None) -> None:
        if not self._has(kind, repo):
            self._refuse("RepoNotFound")
            return
        files = {path: content for (a, b, path), content in self.hub.files.items() if (a, b) == (kind, repo)}
        if part == "tree":
            told: object = [
                {"type": "file", "path": path, "size": len(content), "oid": _blob_id(content)}
                for path, content in files.items()
            ]
        else:
            siblings = [{"rfilename": path} for path in files]
            told = {"id": repo, "sha": self.hub.commit(kind, repo), "private": False, "siblings": siblings}
        self._reply(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def _has(self, kind: str, repo: str) -> bool:
        return any((a_kind, a_repo) == (kind, repo) for a_kind, a_repo, _ in self.hub.files)

    def _refuse(self, code: str) -> None:
        self._reply(404, {"X-Error-Code": code, "X-Error-Message": "not here"})

    def _reply(
        self, status: int, headers: dict[str, str], content: bytes = b"", *, body: bool = True
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body or self.command == "HEAD":
            return
        if self.hub.stalls:
            self.wfile.write(content[: self.hub.stalls.pop(0)])
            self.hub.release.wait()
            self.close_connection = True
            return
        if self.hub.breaks:
            content = content[: self.hub.breaks.pop(0)]
            self.close_connection = True
        self.wfile.write(content)
