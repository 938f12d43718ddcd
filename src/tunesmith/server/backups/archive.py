"""The file of a backup: gzip over one JSON object."""

import gzip
import json
import zlib
from dataclasses import dataclass
from typing import Any

from tunesmith.server.kit.database import now
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.wire import check_json

FORMAT = "tunesmith backup"
VERSION = 1
MOST_BYTES = 256 << 20
"""Of the file, and of the JSON in it: some hundred thousand jobs."""

Rows = list[dict[str, Any]]
KINDS = ("datasets", "experiments", "jobs", "history")


@dataclass(frozen=True)
class Content:
    """What a backup holds: the workspace's id and the rows by kind."""

    workspace_id: str
    rows: dict[str, Rows]


def packed(content: Content) -> bytes:
    """The file.

    Raises:
        BadRequestError: it would be larger than a restore takes.
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "made_on": now().isoformat(),
        "workspace": content.workspace_id,
        **content.rows,
    }
    text = json.dumps(document).encode()
    if len(text) > MOST_BYTES:
        raise BadRequestError(f"The backup would have {len(text)} bytes; {MOST_BYTES} are the most")
    return gzip.compress(text, compresslevel=6, mtime=0)


def unpacked(data: bytes) -> Content:
    """What a file holds.

    Raises:
        BadRequestError: it is torn, too large, or no backup of this service.
    """
    try:
        document = json.loads(_text(data))
        check_json(document)
    except (ValueError, RecursionError) as error:
        raise _odd(str(error)) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _odd("it was not made by this service")
    if document.get("version") != VERSION:
        raise _odd(f"its version is {document.get('version')!r}, and this server reads {VERSION}")
    rows = {kind: document.get(kind) for kind in KINDS}
    for kind, found in rows.items():
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise _odd(f"{kind} is no list of objects")
    return Content(str(document.get("workspace")), {kind: list(found or ()) for kind, found in rows.items()})


def _text(data: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = reader.decompress(data, MOST_BYTES + 1)
    except zlib.error as error:
        raise _odd(str(error)) from None
    if len(text) > MOST_BYTES:
        raise _odd(f"it holds more than {MOST_BYTES} bytes")
    if not reader.eof:
        raise _odd("its end is missing")
    return text


def _odd(fault: str) -> BadRequestError:
    return BadRequestError(f"The backup cannot be read: {fault}. Nothing was restored.")
