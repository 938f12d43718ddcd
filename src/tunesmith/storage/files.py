"""The files at a location: one face for every kind of store."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import obstore

from tunesmith.storage.chunks import part
from tunesmith.storage.download import PartFile, Version
from tunesmith.storage.errors import StorageError, StorageFileMissingError, TooLargeError
from tunesmith.storage.faults import Faults
from tunesmith.storage.folders import FolderSource, check_place
from tunesmith.storage.keys import check_azure_key, check_key, check_prefix, is_key, join
from tunesmith.storage.locations import AzureStore, FolderStore, HubStore, Location, S3Store, UrlStore
from tunesmith.storage.objects import ObjectSource
from tunesmith.storage.patience import BRIEF, PATIENT, Patience
from tunesmith.storage.sources import Facts, FileInfo, Source
from tunesmith.storage.stores import AnyStore, describe, existing, open_store
from tunesmith.storage.web import UrlSource

__all__ = ["FileInfo", "Files"]

_CHUNK = 1 << 18
_UPLOAD_PART = 8 << 20
_DELETE_BATCH = 1000
_LARGEST_S3_COPY = 5 << 30  # bytes: S3 copies nothing larger by itself


class Files:
    """Reads and writes the files at a location. Keys are relative to the location's prefix.

    Nothing is opened before the first call. Every method raises `StorageError` with a sentence that names
    the store and the key, `StorageFileMissingError` where the file is not there, and `InvalidKeyError` for
    a key that is absolute, has `..`, an empty part or a control character. Failures that may pass are
    tried again for as long as `patience` says. What writes is refused where the store is read-only.
    """

    def __init__(self, location: Location, secrets: Mapping[str, str], patience: Patience = PATIENT) -> None:
        self.location = location
        self._patience = patience
        self._secrets = dict(secrets)
        self._prefix = check_prefix(location.prefix)
        self._faults = Faults(describe(location.store), self._secrets)

    def __repr__(self) -> str:
        return f"Files({self._faults.store}, {self._prefix!r})"

    @cached_property
    def _store(self) -> AnyStore:
        """The store as one that can be written to."""
        return self._opened(self._patience)

    @cached_property
    def _source(self) -> Source:
        if isinstance(self.location.store, FolderStore | HubStore | UrlStore):
            return self._read_by(self._patience)
        return ObjectSource(self._store, self._patience)

    def list(self, prefix: str = "") -> Iterator[FileInfo]:
        """The files below a folder, in order of their keys; none where there is no such folder."""
        whole = join(self._prefix, check_prefix(prefix))
        skip = len(self._prefix) + 1 if self._prefix else 0
        with self._faults.named("list", prefix):
            for info in self._source.list(whole):
                if is_key(info.key):
                    yield replace(info, key=info.key[skip:])

    def exists(self, key: str) -> bool:
        """Whether there is a file of that key."""
        try:
            self._facts("look at", key)
        except StorageFileMissingError:
            return False
        return True

    def size(self, key: str) -> int:
        """The file's size in bytes.

        Raises:
            StorageError: the store does not tell it before the file is read.
        """
        size = self._facts("look at", key).size
        if size is None:
            raise StorageError(f"The {self._faults.store} does not say how large {key} is.")
        return size

    def read(self, key: str) -> bytes:
        """The whole file: for small ones."""
        whole = self._whole(key)
        with self._faults.named("read", key):
            return self._source.read(whole)

    def stream(self, file: str | FileInfo, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The file from byte `start` on, to its end or to byte `stop`, in chunks.

        Raises:
            StorageError: a `FileInfo` stands for the file as it was listed, and it has changed since then.
        """
        key = file if isinstance(file, str) else file.key
        facts = self._facts("read", key) if isinstance(file, str) else file.facts
        chunks = self._chunks(key, facts, start)
        return chunks if stop is None else part(chunks, 0, stop - start)

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
        facts = self._facts("download", key)
        part = PartFile(target)
        start = part.begin(Version(self._whole(key), facts.size, facts.etag))
        if on_bytes and start:
            on_bytes(start)
        try:
            size = part.write(self._chunks(key, facts, start), start, on_bytes)
        except TooLargeError:
            part.discard()
            raise
        if facts.size is not None and size != facts.size:
            part.discard()
            raise StorageError(
                f"The {self._faults.store} sent {size} bytes of {key} instead of {facts.size}; try again."
            )
        part.finish(facts.modified.timestamp())

    def upload(self, source: Path, key: str) -> None:
        """Store a file of this machine under the key, part by part: it is never whole in memory."""
        try:
            file = source.open("rb")
        except OSError as error:
            raise StorageError(f"Could not read {source}: {error.strerror}.") from error
        with file:
            self.upload_open(file, key)

    def upload_open(self, file: BinaryIO, key: str) -> None:
        """Store what an open file holds, as `upload` does."""
        whole = self._whole(key)
        with self._faults.named("upload", key):
            obstore.put(self._store, whole, file, chunk_size=_UPLOAD_PART, max_concurrency=4)

    def copy(self, source: str, target: str) -> None:
        """Copy a file within the location. The store does it by itself: nothing passes through here.

        What S3 finds too large is read and written part by part.
        """
        origin, goal = self._whole(source), self._whole(target)
        if isinstance(self.location.store, S3Store) and self.size(source) > _LARGEST_S3_COPY:
            self._pass_on(source, target, goal)
            return
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
        with self._faults.named("reach"):
            self._read_by(BRIEF).probe(self._prefix)

    def _pass_on(self, source: str, target: str, goal: str) -> None:
        """Copy by reading and writing. The target is there only once all of it was written."""
        with self._faults.named(f"copy {source} to", target):
            writer = obstore.open_writer(self._store, goal, buffer_size=_UPLOAD_PART, max_concurrency=4)
            for chunk in self.stream(source):
                writer.write(chunk)
            writer.close()

    def _opened(self, patience: Patience) -> AnyStore:
        store = self.location.store
        if isinstance(store, HubStore | UrlStore):
            raise StorageError(f"The {self._faults.store} can only be read; choose another workspace.")
        return open_store(store, self._secrets, patience)

    def _read_by(self, patience: Patience) -> Source:
        store = self.location.store
        match store:
            case HubStore():
                # huggingface_hub takes a third of a second to import; few need it.
                from tunesmith.storage.hub import HubSource

                return HubSource(store, self._secrets, patience)
            case UrlStore():
                return UrlSource(store, self._secrets, patience)
            case FolderStore():
                return FolderSource(existing(store))
            case _:
                return ObjectSource(self._opened(patience), patience)

    def _whole(self, key: str) -> str:
        whole = join(self._prefix, check_key(key))
        if isinstance(self.location.store, FolderStore):
            check_place(self.location.store.path, whole)
        if isinstance(self.location.store, AzureStore):
            check_azure_key(whole)
        return whole

    def _facts(self, verb: str, key: str) -> Facts:
        whole = self._whole(key)
        with self._faults.named(verb, key):
            return self._source.facts(whole)

    def _chunks(self, key: str, facts: Facts, start: int = 0) -> Iterator[bytes]:
        if facts.size is not None and start >= facts.size:
            return
        with self._faults.named("read", key):
            yield from self._source.chunks(self._whole(key), facts, start, _CHUNK)
