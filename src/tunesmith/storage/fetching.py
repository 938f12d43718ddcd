"""Asks for files over HTTP(S) and follows redirects to where it may go."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import NoReturn

import httpcore
import httpx

import tunesmith
from tunesmith.storage.errors import StorageError, StorageFileMissingError
from tunesmith.storage.patience import Patience
from tunesmith.storage.reach import CheckedBackend, PrivateHosts

PASSING = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError)
"""What may go well at the next attempt."""

_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 5
_BUSY = {408, 425, 429, 500, 502, 503, 504}


class BusyError(StorageError):
    """The server says that it may answer later."""


class Fetcher:
    """A client that connects to allowed addresses alone, whatever names and redirects say.

    Proxies of the environment are not used: what is checked is the address that is connected to.
    """

    def __init__(self, hosts: PrivateHosts, patience: Patience) -> None:
        trusted = httpx.create_ssl_context()
        self._pools = {
            "https": _pool(CheckedBackend(hosts, listed_only=False), trusted),
            "http": _pool(CheckedBackend(hosts, listed_only=True), trusted),
        }
        self._timeout = {
            "connect": patience.connect,
            "read": patience.read,
            "write": patience.read,
            "pool": patience.connect,
        }

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[httpcore.Response]:
        """The answer to a GET, redirects followed; its body is read by `iter_stream`.

        Raises:
            StorageError: it was refused, or a redirect leads where it may not.
            httpcore's errors: no whole answer came.
        """
        address = readable_url(url)
        sent = {
            "User-Agent": f"tunesmith/{tunesmith.__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **headers,
        }
        for _ in range(_MAX_REDIRECTS + 1):
            with self._pools[address.scheme].stream(
                "GET", str(address), headers=list(sent.items()), extensions={"timeout": self._timeout}
            ) as response:
                if response.status not in _REDIRECTS:
                    _check_status(response, address.host)
                    yield response
                    return
                address = _target(address, header(response, "location"))
        raise StorageError(f"{address.host} redirects more than {_MAX_REDIRECTS} times; use its goal.")


def readable_url(url: str) -> httpx.URL:
    """The parts of an address.

    Raises:
        StorageError: it is none of http or https, or it holds a user's name or a password.
    """
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise StorageError(f"The address cannot be read: {error}.") from None
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise StorageError("The address must begin with https:// and name a host.")
    if parts.userinfo:
        raise StorageError("The address must hold no user name and no password.")
    return parts.copy_with(fragment=None)


def header(response: httpcore.Response, name: str) -> str:
    """A header of an answer; "" if it has none of that name."""
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == wanted), "")


def modified(response: httpcore.Response) -> float | None:
    """When the file was last changed, in seconds since 1970, if the server says so."""
    try:
        return parsedate_to_datetime(header(response, "last-modified")).timestamp()
    except ValueError:
        return None


def _pool(backend: httpcore.NetworkBackend, trusted: ssl.SSLContext) -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(ssl_context=trusted, network_backend=backend)


def _target(address: httpx.URL, location: str) -> httpx.URL:
    if not location:
        raise StorageError(f"{address.host} redirects to nowhere.")
    try:
        joined = address.join(location)
    except httpx.InvalidURL:
        raise StorageError(f"{address.host} redirects to an address that cannot be read.") from None
    return readable_url(str(joined))


def _check_status(response: httpcore.Response, host: str) -> None:
    status = response.status
    if status in {200, 206, 416}:
        return
    if status in _BUSY:
        raise BusyError(f"{host} answers with status {status}; try again later.")
    _refuse(status, host)


def _refuse(status: int, host: str) -> NoReturn:
    if status in {401, 403}:
        raise StorageError(f"{host} refused permission (status {status}); check the address and its key.")
    if status in {404, 410}:
        raise StorageFileMissingError(f"{host} has no such file (status {status}); check the address.")
    raise StorageError(f"{host} answers with status {status}.")
