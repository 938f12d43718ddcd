"""Jobs: actions that run on an experiment."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith.client.archive import unpack
from tunesmith.client.errors import APIError, JobFailedError, NotFoundError
from tunesmith.client.models import Job
from tunesmith.client.session import Session
from tunesmith.client.waiting import states


class Jobs:
    """The jobs of the caller's experiments and datasets.

    A job is reached through what it belongs to; a `Job` carries that with it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        experiment_id: str,
        action: str,
        specs: Mapping[str, Any] | None = None,
        *,
        parent: str | Job | None = None,
        **fields: Any,
    ) -> Job:
        """Post a job. It runs once its parent is done and a slot is free.

        Raises:
            BadRequestError: the specs, the parent or the datasets do not fit; `problems` lists the keys.
        """
        body = {
            "parent_job_id": parent.id if isinstance(parent, Job) else parent,
            "action": action,
            "specs": specs,
            **fields,
        }
        path = self._session.path("experiments", experiment_id, "jobs")
        return self.get(experiment_id, self._session.call("POST", path, body=body))

    def get(self, experiment_id: str, job_id: str) -> Job:
        """One job of an experiment."""
        path = self._session.path("experiments", experiment_id, "jobs", job_id)
        return Job.model_validate(self._session.call("GET", path))

    def find(self, job_id: str) -> Job:
        """One job of whatever experiment or dataset it belongs to.

        Raises:
            NotFoundError: none of those that the caller may see has it.
        """
        for kind in ("experiments", "datasets"):
            for owner in self._session.pages(self._session.path(kind), kind, {}):
                if job_id in (owner.get("jobs") or {}):
                    path = self._session.path(kind, owner["id"], "jobs", job_id)
                    return Job.model_validate(self._session.call("GET", path))
        raise NotFoundError(404, f"Job {job_id} not found", 404)

    def refresh(self, job: Job) -> Job:
        """The job as it is now."""
        return Job.model_validate(self._session.call("GET", self._path(job)))

    def cancel(self, job: Job) -> None:
        """Ask the job to stop; it writes a checkpoint first where it can."""
        self._session.call("POST", self._path(job, verb="cancel"))

    def delete(self, job: Job) -> None:
        """Forget an ended job."""
        self._session.call("DELETE", self._path(job))

    def logs(self, job: Job) -> str:
        """The log so far.

        Raises:
            APIError: there is none yet.
        """
        return self._session.text(f"{self._path(job)}/logs")

    def follow(self, job: Job, *, interval: float = 1.0, timeout: float | None = None) -> Iterator[Job]:
        """The job each time that it has changed, until it has ended; looks every `interval` seconds."""
        what = f"Job {job.id}"
        for state in states(lambda: self.refresh(job), what=what, interval=interval, timeout=timeout):
            yield state
            if state.ended:
                return

    def wait(self, job: Job, *, interval: float = 1.0, timeout: float | None = None) -> Job:
        """The job once it is Done.

        Raises:
            JobFailedError: it ended otherwise.
            WaitTimeoutError: `timeout` seconds were not enough.
        """
        for state in self.follow(job, interval=interval, timeout=timeout):
            job = state
        if job.status != "Done":
            raise JobFailedError(job)
        return job

    def follow_log(self, job: Job, *, interval: float = 1.0) -> Iterator[str]:
        """The log as it grows, piece by piece, until the job has ended."""
        seen = ""
        while True:
            job = self.refresh(job)  # before the log, so that the log of an ended job is whole
            text = self._log_so_far(job)
            if text != seen:
                yield text.removeprefix(seen)
                seen = text
            if job.ended:
                return
            time.sleep(interval)

    def files(self, job: Job) -> tuple[str, ...]:
        """The names of the files that the job wrote."""
        return tuple(self._session.call("GET", self._path(job, verb="list_files")))

    def download(self, job: Job, target: Path) -> list[Path]:
        """Fetch all files of the job and its log into the folder `target`. Returns what was written.

        Raises:
            UnsafeArchiveError: the archive would write elsewhere.
        """
        with self._session.stream(self._path(job, verb="download")) as chunks:
            return unpack(chunks, target, strip=job.id)

    def download_files(self, job: Job, names: Sequence[str], target: Path) -> list[Path]:
        """Fetch some of `files(job)` into the folder `target`. Returns what was written.

        Raises:
            UnsafeArchiveError: the archive would write elsewhere.
        """
        query: dict[str, str | int | list[str]] = {"file_lists": list(names), "tar_files": "True"}
        with self._session.stream(self._path(job, verb="download_selective_files"), query) as chunks:
            return unpack(chunks, target, strip=job.id)

    def list(self, experiment_id: str) -> tuple[Job, ...]:
        """The jobs of an experiment, newest first."""
        path = self._session.path("experiments", experiment_id, "jobs")
        return tuple(Job.model_validate(one) for one in self._session.pages(path, "jobs", {}))

    def _log_so_far(self, job: Job) -> str:
        """The log, empty while a job has not begun one."""
        try:
            return self.logs(job)
        except APIError:
            if job.ended:
                raise
            return ""

    def _path(self, job: Job, verb: str = "") -> str:
        kind, owner = (
            ("experiments", job.experiment_id) if job.experiment_id else ("datasets", job.dataset_id)
        )
        return self._session.path(kind, owner or "", "jobs", job.id, verb=verb)
