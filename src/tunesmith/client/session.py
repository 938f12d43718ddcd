"""One caller in one organisation: paths, login, and lists read page by page."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

from tunesmith.client.errors import UnauthorizedError
from tunesmith.client.models import Login
from tunesmith.client.transport import Opened, QueryValue, Transport

API = "/api/v1"
PAGE_SIZE = 100

ResultT = TypeVar("ResultT")


class Session:
    """What the resources share. With an API key it logs in by itself, and again when the token expires."""

    def __init__(self, transport: Transport, org: str, api_key: str | None = None) -> None:
        self.transport = transport
        self.org = org
        self._api_key = api_key

    def login(self, api_key: str) -> Login:
        """Trade an API key for a token and use it from now on.

        Raises:
            UnauthorizedError: the key is wrong, or belongs to another organisation.
        """
        body = {"ngc_key": api_key, "ngc_org_name": self.org, "enable_telemetry": False}
        self.transport.token = None
        login = Login.model_validate(self.transport.json("POST", f"{API}/login", body=body, repeatable=True))
        self.transport.token = login.token
        self._api_key = api_key
        return login

    def path(self, *parts: str, verb: str = "") -> str:
        """The path of an object of this organisation, e.g. path("jobs", id, verb="cancel")."""
        segments = "/".join(quote(part, safe="") for part in ("orgs", self.org, *parts))
        return f"{API}/{segments}:{verb}" if verb else f"{API}/{segments}"

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, QueryValue] | None = None,
        patient: bool = False,
    ) -> Any:
        """The reply to one request, parsed; `patient` as in `Transport.json`."""
        return self._logged_in(
            lambda: self.transport.json(method, path, body=body, query=query, patient=patient)
        )

    def text(self, path: str) -> str:
        """The reply to a GET as text."""
        return self._logged_in(lambda: self.transport.text(path))

    @contextmanager
    def stream(
        self,
        path: str,
        query: Mapping[str, QueryValue] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """The reply to a GET in chunks."""
        with ExitStack() as stack:
            yield self._logged_in(lambda: stack.enter_context(self.transport.stream(path, query, headers)))

    @contextmanager
    def opened(
        self, path: str, query: Mapping[str, QueryValue], headers: Mapping[str, str]
    ) -> Iterator[Opened]:
        """The reply to a GET as its headers have come."""
        with ExitStack() as stack:
            yield self._logged_in(lambda: stack.enter_context(self.transport.opened(path, query, headers)))

    def pages(
        self, path: str, key: str, query: Mapping[str, QueryValue | None]
    ) -> Iterator[Mapping[str, Any]]:
        """Every entry of a list, fetched a page at a time; an entry that moved between pages comes once."""
        asked = {name: value for name, value in query.items() if value is not None}
        seen: set[str] = set()
        skip = 0
        while True:
            reply = self.call("GET", path, query={**asked, "skip": skip, "size": PAGE_SIZE})
            entries = reply[key] if isinstance(reply, dict) else reply
            fresh = [one for one in entries if one["id"] not in seen]
            yield from fresh
            seen.update(one["id"] for one in fresh)
            if len(entries) < PAGE_SIZE or not fresh:
                return
            skip += PAGE_SIZE

    def _logged_in(self, request: Callable[[], ResultT]) -> ResultT:
        if self.transport.token is None and self._api_key:
            self.login(self._api_key)
        try:
            return request()
        except UnauthorizedError:
            if not self._api_key:
                raise
            self.login(self._api_key)
            return request()
