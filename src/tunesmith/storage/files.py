"""The files at a location: one face for folders and buckets."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from tunesmith.storage.download import PartFile, Version
from tunesmith.storage.errors import StorageError, StorageFileMissingError
from tunesmith.storage.faults import Faults
from tunesmith.storage.folders import check_place, walk
from tunesmith.storage.keys import check_key, check_prefix, is_key, join
from tunesmith.storage.locations import FolderStore, Location
from tunesmith.storage.stores import BRIEF, AnyStore, describe, open_store

if TYPE_CHECKING:  # obstore has these for type checkers alone
    from obstore import GetOptions, ObjectMeta

_UPLOAD_PART = 8 << 20
_DELETE_BATCH = 1000


@dataclass(frozen=True)
class FileInfo:
    """A file in a listing. `key` is relative to the location, `size` in bytes, `modified` in UTC."""

    key: str
    size: int
    modified: datetime


class Files:
    """Reads and writes the files at a location. Keys are relative to the location's prefix.

    Nothing is opened before the first call. Every method raises `StorageError` with a sentence that names
    the store and the key, `StorageFileMissingError` where the file is not there, and `InvalidKeyError` for
    a key that is absolute, has `..`, an empty part or a control character. Failures that may pass are
    tried again for about a minute.
    """

    def __init__(self, location: Location, secrets: Mapping[str, str]) -> None:
        self.location = location
        self._secrets = dict(secrets)
        self._prefix = check_prefix(location.prefix)
        self._faults = Faults(describe(location.store), self._secrets)

    def __repr__(self) -> str:
        return f"Files({self._faults.store}, {self._prefix!r})"

    @cached_property
    def _store(self) -> AnyStore:
        return open_store(self.location.store, self._secrets)

    def list(self, prefix: str = "") -> Iterator[FileInfo]:
        """The files below a folder, in order of their keys; none where there is no such folder."""
        whole = join(self._prefix, check_prefix(prefix))
        skip = len(self._prefix) + 1 if self._prefix else 0
        with self._faults.named("list", prefix):
            for info in self._found(whole):
                if is_key(info.key):
                    yield FileInfo(info.key[skip:], info.size, info.modified)

    def exists(self, key: str) -> bool:
        """Whether there is a file of that key."""
        try:
            self.size(key)
        except StorageFileMissingError:
            return False
        return True

    def size(self, key: str) -> int:
        """The file's size in bytes."""
        with self._faults.named("look at", key):
            return self._head(self._whole(key))["size"]

    def read(self, key: str) -> bytes:
        """The whole file: for small ones."""
        whole = self._whole(key)
        with self._faults.named("read", key):
            return bytes(obstore.get(self._store, whole).bytes())

    def stream(self, key: str, start: int = 0, chunk_size: int = 1 << 20) -> Iterator[bytes]:
        """The file from byte `start` on, in chunks of at least `chunk_size` but the last."""
        with self._faults.named("read", key):
            meta = self._head(self._whole(key))
        return self._chunks(key, meta, start, chunk_size)

    def write(self, key: str, data: bytes) -> None:
        """Store the data under the key; readers see the old file or the whole new one."""
        whole = self._whole(key)
        with self._faults.named("write", key):
            obstore.put(self._store, whole, data)

    def download(self, key: str, target: Path, on_bytes: Callable[[int], None] | None = None) -> None:
        """Fetch the file to `target`, which gets its name, and its object's time, when it is whole.

        What an earlier, killed download of the same object left is continued. `on_bytes` is called with
        the size of each chunk, after a first call with what was already there; what it raises ends the
        download, which can be continued.
        """
        whole = self._whole(key)
        with self._faults.named("download", key):
            meta = self._head(whole)
        part = PartFile(target)
        start = part.begin(Version(whole, meta["size"], meta["e_tag"] or ""))
        if on_bytes and start:
            on_bytes(start)
        size = part.write(self._chunks(key, meta, start), start, on_bytes)
        if size != meta["size"]:
            part.discard()
            raise StorageError(
                f"The {self._faults.store} sent {size} bytes of {key} instead of {meta['size']}; try again."
            )
        part.finish(meta["last_modified"].timestamp())

    def upload(self, source: Path, key: str) -> None:
        """Store a file of this machine under the key, part by part: it is never whole in memory."""
        whole = self._whole(key)
        try:
            file = source.open("rb")
        except OSError as error:
            raise StorageError(f"Could not read {source}: {error.strerror}.") from error
        with file, self._faults.named(f"upload {source.name} as", key):
            obstore.put(self._store, whole, file, chunk_size=_UPLOAD_PART, max_concurrency=4)

    def copy(self, source: str, target: str) -> None:
        """Copy a file within the location. The store does it by itself: nothing passes through here."""
        origin, goal = self._whole(source), self._whole(target)
        with self._faults.named(f"copy {source} to", target):
            obstore.copy(self._store, origin, goal)

    def delete(self, key: str) -> None:
        """Remove the file; nothing happens where there is none."""
        whole = self._whole(key)
        try:
            with self._faults.named("delete", key):
                obstore.delete(self._store, whole)
        except StorageFileMissingError:
            return

    def delete_all(self, prefix: str = "") -> int:
        """Remove all files below a folder; how many there were."""
        keys = [join(self._prefix, info.key) for info in self.list(prefix)]
        with self._faults.named("delete the files in", prefix):
            for start in range(0, len(keys), _DELETE_BATCH):
                obstore.delete(self._store, keys[start : start + _DELETE_BATCH])
        return len(keys)

    def probe(self) -> None:
        """Check within seconds that the store answers, exists and lets us in.

        Raises:
            StorageError: with what is wrong.
        """
        store = open_store(self.location.store, self._secrets, BRIEF)
        with self._faults.named("reach"):
            if isinstance(self.location.store, FolderStore):
                next(self.location.store.path.iterdir(), None)
            else:
                next(iter(obstore.list(store, prefix=self._prefix or None)), None)

    def _whole(self, key: str) -> str:
        whole = join(self._prefix, check_key(key))
        if isinstance(self.location.store, FolderStore):
            check_place(self.location.store.path, whole)
        return whole

    def _found(self, whole: str) -> Iterator[FileInfo]:
        if isinstance(self.location.store, FolderStore):
            _ = self._store  # says so if the folder does not exist
            for key, facts in walk(self.location.store.path, whole):
                yield FileInfo(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
        else:
            yield from _without_markers(_listed(self._store, whole))

    def _head(self, whole: str) -> "ObjectMeta":
        return obstore.head(self._store, whole)

    def _chunks(
        self, key: str, meta: "ObjectMeta", start: int = 0, chunk_size: int = 1 << 20
    ) -> Iterator[bytes]:
        if start >= meta["size"]:
            return
        options: GetOptions = {"if_match": meta["e_tag"]}
        if start:
            options["range"] = {"offset": start}
        with self._faults.named("read", key):
            yield from obstore.get(self._store, self._whole(key), options=options).stream(chunk_size)


def _listed(store: AnyStore, whole: str) -> Iterator[FileInfo]:
    for batch in obstore.list(store, prefix=whole or None, chunk_size=1000):
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
