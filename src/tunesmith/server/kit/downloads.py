"""Replies that may be large: whole or from any byte on (RFC 9110), so that a download that broke goes on.

ETag            names the state of what is sent
Range           one range of bytes: 206, or 416 behind the end; several ranges get the whole
If-Range        the range counts only in that state, else the whole is sent
If-Match        412 in another state
If-None-Match   304 in the same state
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.datastructures import Headers
from starlette.types import Scope

from tunesmith.server.kit.errors import PreconditionError, RangeError
from tunesmith.server.kit.middleware import leave_seat
from tunesmith.server.kit.wire import ErrorRsp

_BINARY = "application/octet-stream"
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
_READERS = CapacityLimiter(16)
"""Threads that read from stores: a store that is silent must hold up other downloads alone."""

DOWNLOAD_REPLIES: dict[int | str, dict[str, Any]] = {
    200: {"content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}},
    206: {
        "description": "The part that the header Range asks for",
        "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "It is as the header If-None-Match says"},
    412: {"model": ErrorRsp, "description": "It is not as the header If-Match says"},
    416: {"model": ErrorRsp, "description": "The header Range asks for what lies behind the end"},
}
"""How a download is answered, for the API's document."""


@dataclass(frozen=True)
class Content:
    """What can be downloaded.

    Attributes:
        name: for the file that it becomes.
        size: in bytes.
        etag: the same for the same bytes alone; with its quotes.
        read: the bytes from one to before another one.
    """

    name: str
    size: int
    etag: str
    read: Callable[[int, int], Iterator[bytes]]


def attachment(request: Request, content: Content) -> Response:
    """The answer to a GET or HEAD.

    Raises:
        PreconditionError: it is not in the state that the request names.
        RangeError: the request asks for what lies behind the end.
    """
    headers = {"ETag": content.etag, "Accept-Ranges": "bytes"}
    if _is_known(request.headers, content):
        return Response(status_code=304, headers=headers)
    start, stop, status = 0, content.size, 200
    if request.method == "GET" and (asked := _range(request.headers, content)):
        (start, stop), status = asked, 206
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    headers["Content-Length"] = str(stop - start)
    headers["Content-Disposition"] = f"attachment; filename*=utf-8''{quote(content.name)}"
    if request.method == "HEAD":
        return Response(headers=headers, media_type=_BINARY)
    return StreamingResponse(_sent(request.scope, content.read(start, stop)), status, headers, _BINARY)


def _is_known(headers: Headers, content: Content) -> bool:
    """Whether the client has it as it is."""
    if "if-match" in headers and not _names(headers["if-match"], content.etag):
        raise PreconditionError(f"{content.name} is no longer as the header If-Match says: download it anew")
    return _names(headers.get("if-none-match", "").replace("W/", ""), content.etag)


def _names(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in (one.strip() for one in header.split(","))


def _range(headers: Headers, content: Content) -> tuple[int, int] | None:
    """The part wanted, from one byte to before another one; None stands for the whole."""
    found = _RANGE.fullmatch(headers.get("range", ""))
    if not found or headers.get("if-range", content.etag) != content.etag:
        return None
    first, last = found.groups()
    if not (first or last) or (first and last and int(last) < int(first)):
        return None
    start = int(first) if first else max(0, content.size - int(last))
    if start >= content.size:
        raise RangeError(content.size)
    return start, min(content.size, int(last) + 1) if first and last else content.size


async def _sent(scope: Scope, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    leave_seat(scope)  # a client may take hours
    while (chunk := await run_sync(next, chunks, None, limiter=_READERS)) is not None:
        yield chunk
