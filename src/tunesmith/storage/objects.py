"""Reads buckets."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions

from tunesmith.storage.patience import Attempts, Patience
from tunesmith.storage.sources import Facts, FileInfo
from tunesmith.storage.stores import AnyStore

if TYPE_CHECKING:  # obstore has it for type checkers alone
    from obstore import GetOptions

_BROKEN_OFF = "response body"


class ObjectSource:
    """A bucket, by the client that opens it."""

    def __init__(self, store: AnyStore, patience: Patience) -> None:
        self._store = store
        self._patience = patience

    def list(self, prefix: str) -> Iterator[FileInfo]:
        """The files below a folder, in order of their keys."""
        yield from _without_markers(self._listed(prefix))

    def facts(self, key: str) -> Facts:
        """What is known about a file without reading it."""
        meta = obstore.head(self._store, key)
        return Facts(meta["size"], _quoted(meta["e_tag"]), meta["last_modified"])

    def read(self, key: str) -> bytes:
        """The whole file, by one request, whose refusal says more than that of a look at it."""
        return bytes(obstore.get(self._store, key).bytes())

    def chunks(self, key: str, facts: Facts, start: int, chunk_size: int) -> Iterator[bytes]:
        """The file from byte `start` on, as long as it is in the state of `facts`.

        The client's patience counts from the beginning of its request. So what breaks after a long time is
        asked for anew from here, as long as something arrives.
        """
        while True:
            begun = start
            try:
                for chunk in self._request(key, facts, start, chunk_size):
                    start += len(chunk)
                    yield chunk
            except exceptions.GenericError:
                if start == begun:
                    raise
            else:
                return

    def _request(self, key: str, facts: Facts, start: int, chunk_size: int) -> Iterator[bytes]:
        options: GetOptions = {"if_match": facts.etag or None}
        if start:
            options["range"] = {"offset": start}
        yield from obstore.get(self._store, key, options=options).stream(chunk_size)

    def probe(self, prefix: str) -> None:
        """Check that the store answers, exists and lets us in."""
        next(iter(obstore.list(self._store, prefix=prefix or None)), None)

    def _listed(self, prefix: str) -> Iterator[FileInfo]:
        """What the client does not do by itself: go on with a page that broke off while it was read."""
        last, attempts = None, Attempts(self._patience)
        while True:
            try:
                for batch in obstore.list(self._store, prefix or None, offset=last, chunk_size=1000):
                    for meta in batch:
                        etag = _quoted(meta["e_tag"])
                        yield FileInfo(meta["path"], meta["size"], meta["last_modified"], etag)
                        last = meta["path"]
                    attempts.reset()
            except exceptions.GenericError as error:
                if _BROKEN_OFF not in str(error) or not attempts.wait():
                    raise
            else:
                return


def _quoted(etag: str | None) -> str:
    """The same for a file in a listing as for the file itself: some listings leave the quotes out."""
    return f'"{etag}"' if etag and not etag.endswith('"') else etag or ""


def _without_markers(found: Iterator[FileInfo]) -> Iterator[FileInfo]:
    """Leave out the empty objects that consoles create to show a folder: they precede its files."""
    held: FileInfo | None = None
    for info in found:
        if held and not (held.size == 0 and info.key.startswith(f"{held.key}/")):
            yield held
        held = info
    if held:
        yield held
