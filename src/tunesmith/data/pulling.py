"""Brings a dataset from its store into a cache folder and looks inside. A kill at any moment costs little."""

import fcntl
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tunesmith.data.errors import DatasetError
from tunesmith.data.findings import Counts, DatasetReport
from tunesmith.data.inside import Inside
from tunesmith.data.layout import archive_stem
from tunesmith.data.layouts import layout_for
from tunesmith.data.progress import (
    OnProgress,
    PullProgress,
    ShouldStop,
    ignore_progress,
    never_stop,
    raise_if,
)
from tunesmith.data.pulled import PulledFolder
from tunesmith.data.unpacking import unpacked
from tunesmith.protocol import DatasetInput
from tunesmith.storage.archives import extract
from tunesmith.storage.errors import ArchiveError, StorageError
from tunesmith.storage.files import FileInfo, Files
from tunesmith.storage.locations import UrlStore

_LOCK_POLL = 0.1


@dataclass(frozen=True)
class PulledDataset:
    """A dataset that is here, whole and valid. `folder` is its cache folder."""

    folder: Path
    report: DatasetReport


def pull(  # noqa: PLR0913 - the last three are optional and by name
    dataset_type: str,
    dataset_format: str,
    intents: Collection[str],
    source: Files,
    cache: Path,
    *,
    on_progress: OnProgress = ignore_progress,
    should_stop: ShouldStop = never_stop,
    skip_validation: bool = False,
    all_images: bool = False,
) -> DatasetReport:
    """Fetch, extract and validate a dataset; at once if that is done already.

    Whole files are kept over a kill and half ones are continued. Of two processes that pull into the same
    cache, one waits for the other. `skip_validation` trusts what is inside the files; files that are missing
    and archives that do not open are still found. `all_images` decodes every image of a large set.

    Raises:
        DatasetError: there is no such type or format here.
        StorageError: the store or this machine's disk fails.
        PullStoppedError: asked to stop; the next pull continues.
    """
    layout = layout_for(dataset_type, dataset_format)
    folder = PulledFolder(cache)
    if report := folder.report():
        return report
    with _locked(folder, should_stop):
        if report := folder.report():
            return report
        inside = Inside(
            layout,
            folder,
            tuple(intents),
            all_images,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        report = _Pull(source, inside).run(look_inside=not skip_validation)
        folder.write_report(report)
        folder.drop_archives()
    return report


def materialise(
    dataset: DatasetInput,
    files: Files,
    *,
    on_progress: OnProgress = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> PulledDataset:
    """The dataset in its cache folder, pulled now if need be. `files` are those of `dataset.source`.

    Raises:
        DatasetError: it is invalid; the message says why. Otherwise as `pull`.
    """
    report = pull(
        dataset.type,
        dataset.format,
        dataset.intents,
        files,
        dataset.cache,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    if not report.valid:
        raise DatasetError(f"The dataset {dataset.name} is invalid. {report.sentence()}")
    return PulledDataset(dataset.cache, report)


@contextmanager
def _locked(folder: PulledFolder, should_stop: ShouldStop) -> Iterator[None]:
    """Hold the cache's lock. It dies with its process, so that a kill never leaves it behind."""
    folder.root.mkdir(parents=True, exist_ok=True)
    with folder.lock.open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                raise_if(should_stop)
                time.sleep(_LOCK_POLL)
        yield


class _Pull:
    """One pull, under the lock."""

    def __init__(self, source: Files, inside: Inside) -> None:
        self._source = source
        self._inside = inside
        self._layout = inside.layout
        self._folder = inside.folder
        self._on_progress = inside.on_progress
        self._should_stop = inside.should_stop

    def run(self, look_inside: bool) -> DatasetReport:
        """List, fetch, extract, look inside."""
        if isinstance(self._source.location.store, UrlStore):
            try:
                self._source = unpacked(self._source, self._inside)
            except ArchiveError as error:
                self._inside.findings.error("archive", error.archive, error.fault, error.remedy)
                return DatasetReport(findings=self._inside.findings.all())
        listing = self._listing()
        if missing := self._layout.missing(listing.keys(), self._inside.intents):
            return DatasetReport(findings=tuple(missing))
        infos = [listing[key] for key in self._layout.files(listing)]
        self._download(infos)
        self._extract(infos)
        counts: Counts = {"files": len(infos), "bytes": sum(info.size for info in infos)}
        if look_inside:
            counts |= import_module(self._layout.check).check(self._inside)
        return DatasetReport(counts=counts, findings=self._inside.findings.all())

    def _listing(self) -> dict[str, FileInfo]:
        listing = {}
        for info in self._source.list():
            raise_if(self._should_stop)
            listing[info.key] = info
        return listing

    def _download(self, infos: list[FileInfo]) -> None:
        wanting = [info for info in infos if not self._is_here(info)]
        self._require_room(sum(info.size for info in wanting))
        total = sum(info.size for info in infos)
        done = total - sum(info.size for info in wanting)
        fetched = len(infos) - len(wanting)

        def on_bytes(count: int) -> None:
            nonlocal done
            raise_if(self._should_stop)
            done += count
            self._on_progress(PullProgress("downloading", fetched, len(infos), done, total))

        for info in wanting:
            on_bytes(0)
            shutil.rmtree(self._extracted(info), ignore_errors=True)
            self._source.download(info.key, self._folder.files / info.key, on_bytes)
            fetched += 1

    def _is_here(self, info: FileInfo) -> bool:
        """A download sets the time of the object: the file is the same if size and time are."""
        try:
            facts = (self._folder.files / info.key).stat()
        except FileNotFoundError:
            return False
        return facts.st_size == info.size and abs(facts.st_mtime - info.modified.timestamp()) < 1

    def _require_room(self, wanted: int) -> None:
        free = shutil.disk_usage(self._folder.root).free
        if wanted > free:
            raise StorageError(
                f"The dataset needs {wanted / 1e6:.0f} MB in {self._folder.root}, where {free / 1e6:.0f} MB "
                "are free; free some room and pull again."
            )

    def _extract(self, infos: list[FileInfo]) -> None:
        archives = [info for info in infos if archive_stem(info.key)]

        def on_bytes(_count: int) -> None:
            raise_if(self._should_stop)

        for done, info in enumerate(archives):
            self._on_progress(PullProgress("extracting", done, len(archives)))
            on_bytes(0)
            target = self._extracted(info)
            if target.exists():
                continue
            try:
                extract(self._folder.files / info.key, target, on_bytes=on_bytes)
            except ArchiveError as error:
                self._inside.findings.error("archive", info.key, error.fault, error.remedy)

    def _extracted(self, info: FileInfo) -> Path:
        return self._folder.extracted / (archive_stem(info.key) or info.key)
