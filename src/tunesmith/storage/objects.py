"""Reads folders and buckets."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import obstore

from tunesmith.storage.folders import walk
from tunesmith.storage.locations import FolderStore
from tunesmith.storage.sources import Facts, FileInfo
from tunesmith.storage.stores import AnyStore, ObjectLocation

if TYPE_CHECKING:  # obstore has it for type checkers alone
    from obstore import GetOptions


class ObjectSource:
    """A folder or a bucket, and the client that opens it."""

    def __init__(self, place: ObjectLocation, store: AnyStore) -> None:
        self._place = place
        self._store = store

    def list(self, prefix: str) -> Iterator[FileInfo]:
        """The files below a folder, in order of their keys."""
        if isinstance(self._place, FolderStore):
            for key, facts in walk(self._place.path, prefix):
                yield FileInfo(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
        else:
            yield from _without_markers(self._listed(prefix))

    def facts(self, key: str) -> Facts:
        """What is known about a file without reading it."""
        meta = obstore.head(self._store, key)
        return Facts(meta["size"], meta["e_tag"] or "", meta["last_modified"])

    def read(self, key: str) -> bytes:
        """The whole file, by one request, whose refusal says more than that of a look at it."""
        return bytes(obstore.get(self._store, key).bytes())

    def chunks(self, key: str, facts: Facts, start: int, chunk_size: int) -> Iterator[bytes]:
        """The file from byte `start` on, as long as it is in the state of `facts`."""
        options: GetOptions = {"if_match": facts.etag or None}
        if start:
            options["range"] = {"offset": start}
        yield from obstore.get(self._store, key, options=options).stream(chunk_size)

    def probe(self, prefix: str) -> None:
        """Check that the store answers, exists and lets us in."""
        if isinstance(self._place, FolderStore):
            next(self._place.path.iterdir(), None)
        else:
            next(iter(obstore.list(self._store, prefix=prefix or None)), None)

    def _listed(self, prefix: str) -> Iterator[FileInfo]:
        for batch in obstore.list(self._store, prefix=prefix or None, chunk_size=1000):
            for meta in batch:
                yield FileInfo(meta["path"], meta["size"], meta["last_modified"])


def _without_markers(found: Iterator[FileInfo]) -> Iterator[FileInfo]:
    """Leave out the empty objects that consoles create to show a folder: they precede its files."""
    held: FileInfo | None = None
    for info in found:
        if held and not (held.size == 0 and info.key.startswith(f"{held.key}/")):
            yield held
        held = info
    if held:
        yield held
