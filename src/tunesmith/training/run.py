"""What an action sees of its job: the request, places to read and write, and how to report."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from tunesmith.protocol import Event, JobFolder, Note
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location
from tunesmith.training.failures import StoppedError


class Run:
    """One run of one action.

    Attributes:
        request: what is asked for.
        folder: the job folder.
        results: where to write what the user gets; files are pushed to the workspace by `publish`.
        scratch: where to write what nobody keeps.
    """

    def __init__(
        self,
        folder: JobFolder,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        stop: threading.Event | None = None,
        on_report: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.request = folder.request()
        self.results: Path = folder.results
        self.scratch: Path = folder.scratch
        self._secrets = secrets or {}
        self._stop = stop or threading.Event()
        self._on_report = on_report
        self._published: dict[str, tuple[int, int]] = {}

    def report(self, event: Event) -> None:
        """Tell the server; it reads the event at once."""
        self.folder.append(event)
        self._on_report()

    def note(self, message: str) -> None:
        """Tell the user something that does not stop the job, in the log and in the job's details."""
        print(message, flush=True)  # noqa: T201 - standard output is the job's log
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

    def files(self, location: Location) -> Files:
        """The files at a location, opened with the secrets that came with the job."""
        return Files(location, self._secrets.get(location.store.id, {}))

    def publish(self) -> None:
        """Push every result that is new or changed since the last call to the workspace."""
        if self.request.results is None:
            return
        target = self.files(self.request.results.location)
        for path in sorted(self.results.rglob("*")):
            if not path.is_file() or path.name.endswith(".part"):
                continue
            facts = path.stat()
            state = (facts.st_size, facts.st_mtime_ns)
            key = path.relative_to(self.results).as_posix()
            if self._published.get(key) != state:
                target.upload(path, key)
                self._published[key] = state
