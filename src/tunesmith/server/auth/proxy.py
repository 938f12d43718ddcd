"""Answers a proxy that asks, before it lets a request through, who makes it and whether it may pass.

nginx does so with `auth_request`: it sends the request's own credentials, and names the request itself in
headers.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from fastapi.security import HTTPAuthorizationCredentials, HTTPBasicCredentials
from sqlalchemy.orm import Session

from tunesmith.server.auth import keys, repository, service
from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import ForbiddenError, UnauthorizedError

KEY_USER = "$oauthtoken"
"""The user's name under which existing clients send "organisation,key" as a password."""
METRICS_USER = "$metricstoken"
"""The user's name under which they send the operator's token for metrics."""

METRICS_PATHS = frozenset({"/metrics", "/api/v1/metrics"})
_DOCUMENTS = (
    "openapi.json",
    "openapi.yaml",
    "swagger",
    "redoc",
    "rapipdf",
    "version",
    "tao_api_notebooks.zip",
)
_API = ("login", "health", "health/liveness", "health/readiness", *_DOCUMENTS)
_TOPS = ("/", "/api", "/api/v1")
OPEN_PATHS = frozenset({*_TOPS, *(f"/{name}" for name in _DOCUMENTS), *(f"/api/v1/{name}" for name in _API)})
"""What needs no login, so that people can log in, look up the API and see whether the server is well."""
_OPEN_FOLDERS = ("/static/", "/api/v1/static/")


@dataclass(frozen=True)
class Question:
    """A request as its proxy describes it. `url` may be a path, or whole, or unknown."""

    method: str
    url: str

    @cached_property
    def path(self) -> str:
        """The path as the server would read it.

        Raises:
            ForbiddenError: the URL is none.
        """
        path = unquote(self._raw_path())
        return path.removeprefix("/default") if path.startswith("/default/api/") else path

    def _raw_path(self) -> str:
        if self.url.startswith("/"):  # two slashes begin no host here: it is what a request line holds
            return re.split("[?#]", self.url, maxsplit=1)[0]
        try:
            return urlsplit(self.url).path
        except ValueError as error:
            raise ForbiddenError(f"X-Original-Url is no URL: {error}") from None

    @property
    def is_open(self) -> bool:
        """Whether it passes without a login. Browsers ask with OPTIONS before they send credentials."""
        known = self.path in OPEN_PATHS or self.path.startswith(_OPEN_FOLDERS)
        return self.method.upper() == "OPTIONS" or (known and not self._climbs)

    def check_org(self, caller: Caller) -> None:
        """Whether every organisation that the path names is the caller's.

        Raises:
            ForbiddenError: it is not, or the path leads somewhere else than it says.
        """
        if self._climbs:
            raise ForbiddenError(f"{self.path!r} climbs out of its folder; write the path without '..'")
        for before, name in pairwise(self.path.split("/")):
            if before == "orgs":
                service.authorize(caller, name.partition(":")[0])

    @property
    def _climbs(self) -> bool:
        return ".." in self.path.split("/")


def caller_by_bearer(session: Session, signer: TokenSigner, bearer: HTTPAuthorizationCredentials) -> Caller:
    """Who sends a token, or a key in its place.

    Raises:
        UnauthorizedError: neither is valid.
    """
    given = bearer.credentials
    if given.startswith(keys.PREFIX):
        return _caller_by_key(session, given, None)
    return service.authenticate(session, signer.read(given))


def caller_by_basic(session: Session, basic: HTTPBasicCredentials) -> Caller:
    """Who sends an organisation and a key as a password.

    Raises:
        UnauthorizedError: they are not valid, or the user's name is another one.
    """
    org, comma, key = basic.password.partition(",")
    if basic.username != KEY_USER or not comma:
        raise UnauthorizedError(f"Basic needs the user {KEY_USER} and the password ORGANISATION,KEY")
    return _caller_by_key(session, key.strip(), org.strip())


def _caller_by_key(session: Session, key: str, org: str | None) -> Caller:
    found = repository.by_digest(session, keys.digest(key))
    if found is None or org not in {None, found.org.name}:
        raise UnauthorizedError("The key is not valid here: create one with tunesmith keys create")
    return service.caller_of(found)
