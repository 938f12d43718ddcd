"""What an action sees of its job: the request, places to read and write, and how to report."""

import threading
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import TypeVar

from tunesmith.protocol import DatasetInput, Event, JobFolder, Note
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location
from tunesmith.storage.patience import PATIENT, Patience
from tunesmith.training.engine.log import log
from tunesmith.training.failures import StoppedError
from tunesmith.training.interruptible import interruptible
from tunesmith.training.seats import Seat
from tunesmith.training.uploads import Upload, Uploads, drop

T = TypeVar("T")

REPLACED = ("model_best.pth", "model_latest.pth")
"""Results that are replaced while a job runs; the latest checkpoint tells which the best one must be."""


class Run:
    """One run of one action.

    Attributes:
        request: what is asked for.
        folder: the job folder.
        results: where to write what the user gets; files are pushed to the workspace by `publish`.
        scratch: where to write what nobody keeps.
        uploads: which results are in the workspace.
        seat: the place of this process among those that train together.
        secrets: of the stores that the request names, by the stores' ids.
    """

    def __init__(
        self,
        folder: JobFolder,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        stop: threading.Event | None = None,
        on_report: Callable[[], None] = lambda: None,
        patience: Patience = PATIENT,
        seat: Seat | None = None,
    ) -> None:
        self.folder = folder
        self.request = folder.request()
        self.seat = seat or Seat.first_of(self.request.resources)
        self.results: Path = folder.results
        self.scratch: Path = folder.scratch
        self.secrets = secrets or {}
        self._stop = stop or threading.Event()
        self._on_report = on_report
        self._patience = patience
        self.uploads = Uploads(self.results, REPLACED)

    def reading(self, **datasets: DatasetInput | tuple[DatasetInput, ...] | None) -> "Run":
        """The same run with other datasets, by their names in the request."""
        other = copy(self)
        other.request = self.request.model_copy(update=datasets)
        return other

    @property
    def leads(self) -> bool:
        """Whether this process speaks for the job. Others that train with it report and publish nothing."""
        return self.seat.rank == 0

    def report(self, event: Event) -> None:
        """Tell the server; it reads the event at once."""
        if self.leads:
            self.folder.append(event)
            self._on_report()

    def note(self, message: str) -> None:
        """Tell the user something that does not stop the job, in the log and in the job's details."""
        if self.leads:
            log(message)
            self.report(Note(message=message))

    @property
    def stop_requested(self) -> bool:
        """Whether the job should end after the step at hand."""
        return self._stop.is_set()

    def raise_if_stopped(self) -> None:
        """End here if the job was asked to stop.

        Raises:
            StoppedError: to be called only where the job's state is safe.
        """
        if self._stop.is_set():
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            StoppedError: asked to stop meanwhile.
        """
        if self._stop.wait(seconds):
            raise StoppedError

    def interruptible(self, work: Callable[[], T]) -> T:
        """The result of work that may hang, as on a store; a stop does not wait for it.

        Raises:
            StoppedError: the job was asked to stop meanwhile. Otherwise what the work raises.
        """
        return interruptible(work, self._stop)

    def files(self, location: Location) -> Files:
        """The files at a location, opened with the secrets that came with the job."""
        return Files(location, self.secrets.get(location.store.id, {}), self._patience)

    def publish(self) -> None:
        """Push every result that is new or changed since the last call to the workspace.

        Raises:
            StoppedError: asked to stop; the next attempt publishes the rest.
            StorageError: the workspace does not take them.
        """
        if self.leads:
            pending = self.uploads.pending()
            self.interruptible(lambda: self.upload(pending))

    def upload(self, uploads: Iterable[Upload]) -> None:
        """Push these results to the workspace, if the job has one."""
        if self.request.results is None:
            drop(uploads)
        else:
            self.uploads.upload(uploads, self.files(self.request.results.location))
