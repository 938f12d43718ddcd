"""A stand-in for a Hugging Face hub on which models are published: repositories, branches, commits."""

import json
import re
import threading
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

NAMESPACE = "acme-lab"
TOKEN = "hf_theTokenThatMayWrite"
_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_LARGE = (".pth", ".onnx", ".data", ".engine")
_PIECE = 1 << 16


@dataclass(frozen=True)
class Blob:
    """A file: its content, or of a large one what is known of it."""

    content: bytes
    size: int
    sha256: str
    large: bool = False

    @classmethod
    def of(cls, content: bytes) -> "Blob":
        return cls(content, len(content), sha256(content).hexdigest())

    def entry(self, path: str) -> dict[str, Any]:
        """As trees and paths-info tell of it."""
        told = {"type": "file", "path": path, "size": self.size, "oid": _git_sum(self.content)}
        if self.large:
            told["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        return told


@dataclass
class Repo:
    """A repository: commits by their id, branches by their name."""

    private: bool
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def files(self, revision: str) -> dict[str, Blob] | None:
        return self.commits.get(self.branches.get(revision, revision))


@dataclass
class HubRegistryServer:
    """The hub. Only `TOKEN` may do anything, and only in `NAMESPACE`.

    Attributes:
        repos: by their id.
        large: the large files that were uploaded, by their sum.
        asked: method and path of each request.
        refuses: (method, part of a path) -> status of the next such request.
        on_request: called with method and path before each request is looked at.
        on_upload: called in the middle of each upload of a large file.
        kept: bytes of a large file that are kept; of a longer one the sum only.
        damages: paths whose content is damaged when they are committed.
    """

    repos: dict[str, Repo] = field(default_factory=dict)
    large: dict[str, Blob] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses: dict[tuple[str, str], int] = field(default_factory=dict)
    on_request: Callable[[str, str], None] = lambda _method, _path: None
    on_upload: Callable[[], None] = lambda: None
    kept: int = 1 << 20
    damages: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: "count[int]" = field(default_factory=count)
    _server: ThreadingHTTPServer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def create(self, repo: str, *, private: bool = False, files: dict[str, bytes] | None = None) -> Repo:
        made = self.repos[repo] = Repo(private)
        first = {".gitattributes": b"*.onnx filter=lfs\n", **(files or {})}
        made.branches["main"] = self.commit(made, {path: Blob.of(content) for path, content in first.items()})
        return made

    def commit(self, repo: Repo, files: dict[str, Blob]) -> str:
        oid = sha1(b"%d" % next(self._numbers), usedforsecurity=False).hexdigest()
        repo.commits[oid] = files
        return oid

    def tags(self, repo: Repo) -> list[str]:
        """What the front matter of the main branch's README says."""
        files = repo.files("main") or {}
        front = _FRONT.match(files["README.md"].content.decode()) if "README.md" in files else None
        tags: list[str] = yaml.safe_load(front[1]).get("tags", []) if front else []
        return tags


def _git_sum(content: bytes) -> str:
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class _RefusalError(Exception):
    """The reply is this status."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(status)
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub: HubRegistryServer

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path))
        self.hub.on_request(self.command, path)
        try:
            with suppress(ConnectionError):
                self._ask(path)
        except _RefusalError as refusal:
            self.close_connection = True  # the body of the request is not read
            headers = {
                "X-Error-Code": refusal.code,
                "X-Error-Message": refusal.message,
                "Connection": "close",
            }
            self._reply({"error": refusal.message}, refusal.status, headers)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _ask(self, path: str) -> None:
        for (method, part), status in list(self.hub.refuses.items()):
            if method == self.command and part in path:
                del self.hub.refuses[method, part]
                raise _RefusalError(status)
        if found := re.fullmatch(r"/storage/([0-9a-f]{64})", path):
            # Addresses of the store are signed: the token of the hub must not go there.
            assert "Authorization" not in self.headers, "a token must not leave the hub"
            self._upload(found[1])
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _RefusalError(401, message="Invalid credentials in Authorization header")
        for method, pattern, answer in _ROUTES:
            if method == self.command and (found := re.fullmatch(pattern, path)):
                answer(self, **found.groupdict())
                return
        raise _RefusalError(404, "EntryNotFound", path)

    # Repositories

    def _who(self) -> None:
        self._reply({"name": "ada", "orgs": [{"name": NAMESPACE}]})

    def _list(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        author, wanted = query["author"][0], set(query.get("filter", []))
        repos = [(name, one) for name, one in self.hub.repos.items() if name.startswith(f"{author}/")]
        found = [self._told(name, one) for name, one in repos if wanted <= set(self.hub.tags(one))]
        self._reply(found)

    def _create(self) -> None:
        asked = self._json()
        if asked.get("organization") != NAMESPACE:
            raise _RefusalError(403, message="You don't have the rights to create a model there")
        repo = f"{NAMESPACE}/{asked['name']}"
        if not re.fullmatch(r"(?!.*(--|\.\.))\w[\w.-]{0,94}\w|\w", asked["name"]):
            raise _RefusalError(400, message="Invalid name")
        with self.hub.lock:
            if repo in self.hub.repos:
                raise _RefusalError(409, message="You already created this model repo")
            self.hub.create(repo, private=asked.get("visibility") == "private")
        self._reply({"url": f"{self.hub.url}/{repo}", "name": repo})

    def _about(self, repo: str) -> None:
        self._reply(self._told(repo, self._repo(repo)))

    def _told(self, name: str, repo: Repo) -> dict[str, Any]:
        files = repo.files("main") or {}
        siblings = [{"rfilename": path} for path in files]
        sha = repo.branches["main"]
        return {
            "id": name,
            "sha": sha,
            "private": repo.private,
            "tags": self.hub.tags(repo),
            "siblings": siblings,
        }

    def _refs(self, repo: str) -> None:
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit}
            for name, commit in self._repo(repo).branches.items()
        ]
        self._reply({"branches": branches, "converts": [], "tags": []})

    def _new_branch(self, repo: str, branch: str) -> None:
        found, asked = self._repo(repo), self._json()
        with self.hub.lock:
            if branch in found.branches:
                raise _RefusalError(409, message=f"Reference {branch} already exists")
            found.branches[branch] = found.branches[asked.get("startingPoint", "main")]
        self._reply({})

    def _drop_branch(self, repo: str, branch: str) -> None:
        if self._repo(repo).branches.pop(branch, None) is None:
            raise _RefusalError(404, "RevisionNotFound", f"No {branch}")
        self._reply({})

    # Files

    def _resolve(self, repo: str, revision: str, path: str) -> None:
        blob = self._files(repo, revision).get(path)
        if blob is None:
            raise _RefusalError(404, "EntryNotFound", f"No {path}")
        self._send(200, blob.content, {"ETag": f'"{blob.sha256}"'})

    def _paths(self, repo: str, revision: str) -> None:
        files = self._files(repo, revision)
        asked = parse_qs(self._body().decode())["paths"]
        self._reply([files[path].entry(path) for path in asked if path in files])

    # A commit

    def _validate(self) -> None:
        front = _FRONT.match(self._json()["content"])
        try:
            valid = front and isinstance(yaml.safe_load(front[1]), dict)
        except yaml.YAMLError:
            valid = False
        if not valid:
            self._reply({"errors": [{"message": "no metadata"}]}, 400)
            return
        self._reply({"warnings": []})

    def _preupload(self, repo: str, revision: str) -> None:
        self._files(repo, revision)
        told = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if one["path"].endswith(_LARGE) else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for one in self._json()["files"]
        ]
        self._reply({"files": told})

    def _batch(self, repo: str) -> None:
        asked = self._json()
        assert asked["hash_algo"] == "sha256"
        assert asked["ref"]["name"] in self._repo(repo).branches
        told = []
        for one in asked["objects"]:
            entry = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.hub.large:
                entry["actions"] = {"upload": {"href": f"{self.hub.url}/storage/{one['oid']}"}}
            told.append(entry)
        self._reply({"objects": told, "transfer": "basic"})

    def _upload(self, oid: str) -> None:
        left = size = int(self.headers["Content-Length"])
        digest, content, told = sha256(), bytearray(), False
        while left:
            piece = self.rfile.read(min(left, _PIECE))
            if not piece:
                self.close_connection = True
                return
            left -= len(piece)
            digest.update(piece)
            content += piece if size <= self.hub.kept else b""
            if left <= size // 2 and not told:
                told = True
                self.hub.on_upload()
        if digest.hexdigest() != oid:
            raise _RefusalError(400, message="BadDigest")
        self.hub.large[oid] = Blob(bytes(content), size, oid, large=True)
        self._send(200, b"", {"ETag": f'"{oid}"'})

    def _commit(self, repo: str, revision: str) -> None:
        header, *operations = (json.loads(line) for line in self._body().splitlines())
        found = self._repo(repo)
        with self.hub.lock:
            files = self._files(repo, revision)
            parent = header["value"].get("parentCommit")
            if parent not in {None, found.branches[revision]}:
                raise _RefusalError(412, message="A commit has happened since. Please refresh and try again.")
            changed = dict(files)
            for one in operations:
                path = one["value"]["path"]
                changed[path] = self._blob(one["key"], one["value"])
            found.branches[revision] = self.hub.commit(found, changed)
        oid = found.branches[revision]
        self._reply({"commitUrl": f"{self.hub.url}/{repo}/commit/{oid}", "commitOid": oid, "success": True})

    def _blob(self, key: str, value: dict[str, Any]) -> Blob:
        if key == "file":
            content = b64decode(value["content"])
            return Blob.of(b"damaged" if value["path"] in self.hub.damages else content)
        assert key == "lfsFile"
        if value["oid"] not in self.hub.large:
            raise _RefusalError(400, message="The large file was not uploaded")
        blob = self.hub.large[value["oid"]]
        assert blob.size == value["size"]
        return blob

    # What all need

    def _repo(self, repo: str) -> Repo:
        if repo not in self.hub.repos:
            raise _RefusalError(404, "RepoNotFound", "Repository not found")
        return self.hub.repos[repo]

    def _files(self, repo: str, revision: str) -> dict[str, Blob]:
        files = self._repo(repo).files(revision)
        if files is None:
            raise _RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return files

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self) -> Any:
        return json.loads(self._body() or b"{}")

    def _reply(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(
            status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})}
        )

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_ROUTES: tuple[tuple[str, str, Callable[..., None]], ...] = (
    ("GET", "/api/whoami-v2", _Handler._who),
    ("GET", "/api/models", _Handler._list),
    ("POST", "/api/repos/create", _Handler._create),
    ("GET", f"/api/models/{_REPO}", _Handler._about),
    ("GET", f"/api/models/{_REPO}/refs", _Handler._refs),
    ("POST", f"/api/models/{_REPO}/branch/(?P<branch>.+)", _Handler._new_branch),
    ("DELETE", f"/api/models/{_REPO}/branch/(?P<branch>.+)", _Handler._drop_branch),
    ("GET", f"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _Handler._resolve),
    ("POST", f"/api/models/{_REPO}/paths-info/(?P<revision>.+)", _Handler._paths),
    ("POST", "/api/validate-yaml", _Handler._validate),
    ("POST", f"/api/models/{_REPO}/preupload/(?P<revision>.+)", _Handler._preupload),
    ("POST", rf"/{_REPO}\.git/info/lfs/objects/batch", _Handler._batch),
    ("POST", f"/api/models/{_REPO}/commit/(?P<revision>.+)", _Handler._commit),
)
for _method in ("GET", "POST", "PUT", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler._answer)
