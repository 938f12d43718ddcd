"""How requests travel: JSON bodies, errors turned into exceptions, retries where they are harmless."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tunesmith.client.errors import APIError, ConfigError, ConnectionFailedError, refusal

REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
PASSING = frozenset({502, 503, 504})
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that no proxy of the environment can reach."""

QueryValue = str | int | list[str]


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is repeated.

    Repeated are: any request that never left this machine, any that the server put off (429), and of
    the methods that may be repeated safely (GET, PUT, DELETE) those that were cut off or met a 502, 503
    or 504. The n-th pause is `first_pause` doubled n-1 times, at most `longest_pause` seconds, shortened
    at random by up to half so that many clients do not return at once.
    """

    attempts: int = 4
    first_pause: float = 0.25
    longest_pause: float = 10.0

    def pause(self, attempt: int, retry_after: str | None = None) -> float:
        """Seconds to wait after the attempt of this number, counted from 1."""
        if retry_after and retry_after.isdigit():
            return min(float(retry_after), self.longest_pause)
        full: float = min(self.first_pause * 2 ** (attempt - 1), self.longest_pause)
        return full * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


@dataclass(frozen=True)
class Opened:
    """A reply whose body is on its way."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]

    @property
    def length(self) -> int | None:
        """The bytes of the body, if the server says so."""
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None

    @property
    def strong_etag(self) -> str:
        """What vouches for every byte of the whole; "" if nothing does."""
        etag = self.headers.get("ETag", "")
        return etag if etag.startswith('"') and etag.isascii() else ""

    def is_part_from(self, start: int) -> bool:
        """Whether the body begins with that byte of the whole, and not with the first."""
        begins = self.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        return self.status == httpx.codes.PARTIAL_CONTENT and begins


class Transport:
    """Sends requests to one server. `token` is sent with each once it is known.

    Attributes:
        retry: how often and how patiently what failed is tried again; `sleep` waits for so many seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        user_agent: str = "tunesmith-client",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.retry = retry or RetryPolicy()
        self.sleep = sleep
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout,
            headers={"User-Agent": user_agent},
            trust_env=httpx.URL(self.url).host not in LOOPBACK,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, QueryValue] | None = None,
        repeatable: bool = False,
        patient: bool = False,
    ) -> Any:
        """The parsed reply. `repeatable` marks a POST that may be sent twice without harm.

        `patient` waits for the reply for as long as the server works on it.

        Raises:
            APIError: the server refused.
            ConnectionFailedError: it did not answer.
        """
        response = self._answer(method, path, body, query, repeatable, patient=patient)
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise ConnectionFailedError(self.url, "what answers there is no tunesmith server") from error

    def text(self, path: str, query: Mapping[str, QueryValue] | None = None) -> str:
        """The reply to a GET as text."""
        return self._answer("GET", path, None, query, False).text

    @contextmanager
    def stream(
        self,
        path: str,
        query: Mapping[str, QueryValue] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """The reply to a GET in chunks, for bodies that may not fit in memory."""
        with self.opened(path, query, headers or {}) as reply:
            yield reply.chunks

    @contextmanager
    def opened(
        self, path: str, query: Mapping[str, QueryValue] | None, headers: Mapping[str, str]
    ) -> Iterator[Opened]:
        """The reply to a GET as its headers have come."""
        request = self._request("GET", path, None, query)
        request.headers.update(headers)
        response = self._send(request, repeatable=True, stream=True)
        try:
            yield Opened(response.status_code, response.headers, self._chunks(response))
        finally:
            response.close()

    def _answer(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, QueryValue] | None,
        repeatable: bool,
        *,
        patient: bool = False,
    ) -> httpx.Response:
        request = self._request(method, path, body, query)
        if patient:
            request.extensions["timeout"] |= {"read": None}
        return self._send(request, repeatable=repeatable or method in REPEATABLE, stream=False)

    def _request(
        self, method: str, path: str, body: Any, query: Mapping[str, QueryValue] | None
    ) -> httpx.Request:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            return self._http.build_request(method, path, json=body, params=query, headers=headers)
        except ValueError as error:
            raise ConfigError(f"This cannot be sent as JSON: {error}.") from error

    def _send(self, request: httpx.Request, *, repeatable: bool, stream: bool) -> httpx.Response:
        for attempt in range(1, self.retry.attempts + 1):
            last = attempt == self.retry.attempts
            try:
                response = self._http.send(request, stream=stream)
            except (httpx.TimeoutException, httpx.NetworkError, httpx.ProtocolError) as error:
                if last or not (repeatable or isinstance(error, NEVER_SENT)):
                    raise ConnectionFailedError(self.url, _reason(error)) from error
                self.sleep(self.retry.pause(attempt))
                continue
            put_off = response.status_code == 429 or (repeatable and response.status_code in PASSING)
            if last or not put_off:
                return self._checked(response)
            response.close()
            self.sleep(self.retry.pause(attempt, response.headers.get("Retry-After")))
        raise AssertionError("a retry policy allows at least one attempt")

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        try:
            response.read()
            raise _refusal(response)
        finally:
            response.close()

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise ConnectionFailedError(self.url, _reason(error)) from error


def _refusal(response: httpx.Response) -> APIError:
    fallback = f"{response.request.method} {response.request.url.path} answered {response.status_code}"
    try:
        body = response.json()
    except ValueError:
        body = None
    return refusal(response.status_code, body, fallback)


def _reason(error: httpx.TransportError) -> str:
    match error:
        case httpx.TimeoutException():
            return "it took too long"
        case httpx.ConnectError() if "refused" in str(error):
            return "the connection was refused"
        case httpx.ConnectError():
            return f"no connection ({error})"
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            return "the connection was cut off"
        case _:
            return str(error)
