"""Brings large replies into files, over connections that break: what has arrived is kept and gone on from."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tunesmith.client.errors import APIError, ConnectionFailedError
from tunesmith.client.session import Session
from tunesmith.client.transport import QueryValue

Tell = Callable[[int, int | None], None]
"""Is told how many bytes have arrived, and how many there are if the server says so."""

_RANGE_REFUSED = 416


class Arrival:
    """What has arrived of a reply, in a hidden file of the folder that it is for."""

    def __init__(self, folder: Path, path: str, query: Mapping[str, QueryValue]) -> None:
        name = hashlib.sha256(json.dumps([path, query]).encode()).hexdigest()[:16]
        self.path = folder / f".{name}.part"
        self._note = folder / f".{name}.etag"

    @property
    def size(self) -> int:
        """How many bytes have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def etag(self) -> str:
        """The state of what they are a part of; "" if they cannot be gone on from."""
        return self._note.read_text(encoding="ascii") if self._note.exists() else ""

    def begin(self, etag: str, start: int) -> BinaryIO:
        """The file, to go on with byte `start`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("ab")
        file.truncate(start)
        self._note.write_text(etag, encoding="ascii")
        return file

    def discard(self) -> None:
        """Forget what has arrived."""
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Download:
    """A reply to a GET on its way into a file."""

    session: Session
    path: str
    query: Mapping[str, QueryValue]
    arrival: Arrival
    tell: Tell

    def fetch(self) -> None:
        """Bring the whole of it. A connection that breaks is made anew as long as more arrives.

        Raises:
            ConnectionFailedError: nothing more arrives; what has arrived is kept.
        """
        retry, failed, furthest = self.session.transport.retry, 0, self.arrival.size
        while True:
            try:
                return self._attempt()
            except ConnectionFailedError:
                failed = 1 if self.arrival.size > furthest else failed + 1
                furthest = max(furthest, self.arrival.size)
                if failed >= retry.attempts:
                    raise
                self.session.transport.sleep(retry.pause(failed))
            except APIError as error:
                if error.status != _RANGE_REFUSED or not self.arrival.size:
                    raise
                self.arrival.discard()

    def _attempt(self) -> None:
        # The last byte comes again, so that the server is asked whether all of it is still the same.
        start = max(0, self.arrival.size - 1) if self.arrival.etag else 0
        asked = {"Accept-Encoding": "identity"}
        if start:
            asked |= {"Range": f"bytes={start}-", "If-Range": self.arrival.etag}
        with self.session.opened(self.path, self.query, asked) as reply:
            arrived = start if reply.is_part_from(start) else 0
            total = arrived + reply.length if reply.length is not None else None
            with self.arrival.begin(reply.strong_etag, arrived) as file:
                self.tell(arrived, total)
                for chunk in reply.chunks:
                    arrived += file.write(chunk)
                    self.tell(arrived, total)
