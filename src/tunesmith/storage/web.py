"""Reads one file behind an address: in pieces, continued where it stopped, never larger than allowed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import httpcore

from tunesmith.storage.errors import StorageError, StorageFileMissingError, TooLargeError
from tunesmith.storage.fetching import PASSING, BusyError, Fetcher, header, modified
from tunesmith.storage.keys import is_key
from tunesmith.storage.locations import UrlStore
from tunesmith.storage.patience import Attempts, Patience
from tunesmith.storage.reach import PrivateHosts
from tunesmith.storage.sources import Facts, FileInfo

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_NAMELESS = "download"


def name_of(url: str) -> str:
    """The name of the file behind an address, to keep it under."""
    name = unquote(urlsplit(url).path.rstrip("/").rsplit("/", maxsplit=1)[-1])
    return name if is_key(name) and "/" not in name and len(name.encode()) < 200 else _NAMELESS


class UrlSource:
    """The file behind an address, as the only file of its store."""

    def __init__(self, store: UrlStore, secrets: Mapping[str, str], patience: Patience) -> None:
        query = secrets.get("query", "")
        self._url = f"{store.url}?{query}" if query else store.url
        self._what = f"The address {store.url}"
        self._name = name_of(store.url)
        self._max_bytes = store.max_bytes
        self._patience = patience
        self._fetcher = Fetcher(PrivateHosts.parse(store.private_hosts), patience)

    def list(self, prefix: str) -> Iterator[FileInfo]:
        """The one file, at the root; its size is 0 as long as the server does not tell it."""
        if not prefix:
            facts = self.facts(self._name)
            yield FileInfo(self._name, facts.size or 0, facts.modified, facts.etag)

    def facts(self, key: str) -> Facts:
        """What the server tells in front of the first byte.

        Raises:
            TooLargeError: the file is larger than allowed.
        """
        if key != self._name:
            raise StorageFileMissingError(f"{self._what} has no file {key}.")
        attempts = Attempts(self._patience)
        while True:
            try:
                # Not HEAD: signed addresses are often signed for GET alone.
                with self._named(), self._fetcher.get(self._url, {"Range": "bytes=0-0"}) as response:
                    facts = _facts(response)
                break
            except _PassingError as error:
                if not attempts.wait():
                    raise StorageError(str(error)) from None
        self._check_size(facts.size or 0)
        return facts

    def read(self, key: str) -> bytes:
        """The whole file."""
        return b"".join(self.chunks(key, self.facts(key), 0, 1 << 20))

    def chunks(self, key: str, facts: Facts, start: int, chunk_size: int) -> Iterator[bytes]:  # noqa: ARG002
        """The file from byte `start` on; a connection that breaks is taken up again where it broke.

        Chunks are as they arrive, whatever `chunk_size` says.

        Raises:
            TooLargeError: more arrives than is allowed.
            StorageError: the file has changed meanwhile, or nothing more arrives.
        """
        position, attempts = start, Attempts(self._patience)
        while facts.size is None or position < facts.size:
            try:
                with self._named():
                    for chunk in self._from(position, facts):
                        position += len(chunk)
                        self._check_size(position)
                        attempts.reset()
                        yield chunk
                if facts.size is None:
                    return
            except _PassingError as error:
                can_continue = position == 0 or (facts.size is not None and facts.etag)
                if not can_continue or not attempts.wait():
                    raise StorageError(str(error)) from None

    def probe(self, prefix: str) -> None:  # noqa: ARG002 - there is but one file
        """Check that the address answers with a file."""
        self.facts(self._name)

    def _from(self, position: int, facts: Facts) -> Iterator[bytes]:
        asked = {"Range": f"bytes={position}-", "If-Range": facts.etag} if position else {}
        with self._fetcher.get(self._url, asked) as response:
            found = _facts(response)
            if found.etag != facts.etag or found.size != facts.size:
                raise StorageError(f"{self._what} gives another file than at first; pull the dataset again.")
            begins = _begin(response)
            if begins > position:
                raise StorageError(f"{self._what} does not send the bytes that it was asked for.")
            skip = position - begins  # the whole file, where the server cannot send a part
            left = None if facts.size is None else facts.size - position
            for chunk in response.iter_stream():
                rest = chunk[skip:]
                skip = max(0, skip - len(chunk))
                if left is not None:
                    left -= len(rest)
                    if left < 0:
                        raise StorageError(f"{self._what} sends more than {facts.size} bytes, as announced.")
                if rest:
                    yield rest

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLargeError(
                f"{self._what} holds more than the {self._max_bytes / 1e9:g} GB that may be downloaded; the "
                "server's operator sets this with TUNESMITH_MAX_DOWNLOAD_GB."
            )

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BusyError as error:
            raise _PassingError(f"{self._what} cannot be read: {error}") from None
        except PASSING as error:
            said = f"{self._what} cannot be read: {_reason(error)}; check"
            if "CERTIFICATE" in str(error):
                raise StorageError(f"{said} the server's certificate.") from None
            raise _PassingError(f"{said} that it is reachable.") from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            raise StorageError(f"{self._what} does not answer as a web server does.") from None
        except StorageError as error:
            if str(error).startswith("The address"):
                raise
            raise type(error)(f"{self._what} cannot be read: {error}") from None


class _PassingError(Exception):
    """What may go well at the next attempt."""


def _reason(error: Exception) -> str:
    if isinstance(error, httpcore.TimeoutException):
        return "it is silent"
    text = str(error).split("\n", maxsplit=1)[0][:200]
    return text or "the connection broke"


def _facts(response: httpcore.Response) -> Facts:
    at = modified(response)
    etag = header(response, "etag")
    return Facts(
        _size(response),
        # Only a strong one vouches for each byte.
        header(response, "last-modified") if not etag or etag.startswith("W/") else etag,
        datetime.fromtimestamp(at, UTC) if at is not None else datetime.now(UTC),
    )


def _size(response: httpcore.Response) -> int | None:
    """The size of the whole file."""
    if response.status == 200:
        length = header(response, "content-length")
        return int(length) if length.isdecimal() and not header(response, "transfer-encoding") else None
    if response.status == 416:
        total = header(response, "content-range").rpartition("/")[2]
        return int(total) if total.isdecimal() else 0
    found = _CONTENT_RANGE.fullmatch(header(response, "content-range"))
    return int(found[2]) if found and found[2] != "*" else None


def _begin(response: httpcore.Response) -> int:
    """The byte that the body begins with."""
    if response.status == 200:
        return 0
    found = _CONTENT_RANGE.fullmatch(header(response, "content-range"))
    if not found:
        raise StorageError("it sends a part of the file without saying which.")
    return int(found[1])
