"""Jobs: actions that run on an experiment."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from tunesmith.client.archive import unpack
from tunesmith.client.errors import JobFailedError, NotFoundError, UnsafeArchiveError
from tunesmith.client.fetching import Arrival, Download, Tell
from tunesmith.client.following import LogFollower
from tunesmith.client.models import Job, JobChange, Outcome
from tunesmith.client.session import Session
from tunesmith.client.transport import QueryValue
from tunesmith.client.waiting import states

Owners = Literal["experiments", "datasets"]
"""What jobs belong to."""


class Jobs:
    """The jobs of the caller's experiments and datasets.

    A job is reached through what it belongs to; a `Job` carries that with it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        owner_id: str,
        action: str,
        specs: Mapping[str, Any] | None = None,
        *,
        parent: str | Job | None = None,
        kind: Owners = "experiments",
        **fields: Any,
    ) -> Job:
        """Post a job of an experiment, or of a dataset. It runs once its parent is done and a slot is free.

        Raises:
            BadRequestError: the specs, the parent or the datasets do not fit; `problems` lists the keys.
        """
        body = {
            "parent_job_id": parent.id if isinstance(parent, Job) else parent,
            "action": action,
            "specs": specs,
            **fields,
        }
        path = self._session.path(kind, owner_id, "jobs")
        return self.get(owner_id, self._session.call("POST", path, body=body), kind=kind)

    def get(self, owner_id: str, job_id: str, *, kind: Owners = "experiments") -> Job:
        """One job of an experiment, or of a dataset."""
        path = self._session.path(kind, owner_id, "jobs", job_id)
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

    def cancel_all(self, *owner_ids: str, kind: Owners = "experiments") -> tuple[Outcome, ...]:
        """Ask all jobs of these experiments, or datasets, to stop. What came of each of them."""
        body = {f"{kind.removesuffix('s')}_ids": list(owner_ids)}
        return self._outcomes("POST", self._session.path(kind, verb="cancel_all_jobs"), body)

    def pause(self, job: Job) -> None:
        """Have a training stop where it is; it writes a checkpoint, and frees its slot.

        Raises:
            BadRequestError: it neither waits nor runs.
            NotFoundError: it is no training.
        """
        self._session.call("POST", self._path(job, verb="pause"))

    def resume(self, job: Job, specs: Mapping[str, Any] | None = None) -> None:
        """Have a paused training go on exactly where it stopped.

        `specs` may hold another train.num_epochs, train.checkpoint_interval and train.validation_interval.

        Raises:
            BadRequestError: it is not paused, or another key is changed.
        """
        body = {"specs": specs} if specs else {}
        self._session.call("POST", self._path(job, verb="resume"), body=body)

    def retry(self, job: Job) -> Job:
        """Post a job again that failed or was cancelled. Returns the new one.

        Raises:
            BadRequestError: it has not ended so, or could not run now either.
        """
        again = self._session.call("POST", self._path(job, verb="retry"))
        return self.refresh(job.model_copy(update={"id": again}))

    def publish(self, job: Job, name: str | None = None, description: str = "", team: str = "") -> None:
        """Copy the model of a job that is Done to the server's registry, with a model card.

        A large model takes a while, and the reply with it: no timeout ends the wait.

        Raises:
            NotFoundError: that version is published already; `unpublish` it first.
            ConflictError: it is being published or removed at this moment.
        """
        body = {"display_name": name, "description": description, "team_name": team}
        self._session.call("POST", self._path(job, verb="publish_model"), body=body, patient=True)

    def unpublish(self, job: Job, team: str | None = None, name: str | None = None) -> None:
        """Remove what was published of a job; only what that team has of it, or what has that name."""
        query: dict[str, QueryValue] = {"team_name": team} if team else {}
        body = {"display_name": name} if name else None
        self._session.call("DELETE", self._path(job, verb="remove_published_model"), body=body, query=query)

    def delete(self, job: Job) -> None:
        """Forget an ended job."""
        self._session.call("DELETE", self._path(job))

    def delete_several(self, jobs: Sequence[Job]) -> tuple[Outcome, ...]:
        """Forget ended jobs, with one request for each experiment. What came of each job."""
        by_owner: dict[str, list[str]] = {}
        for job in jobs:
            by_owner.setdefault(self._path_of_all(job), []).append(job.id)
        return tuple(
            outcome
            for path, ids in by_owner.items()
            for outcome in self._outcomes("DELETE", path, {"job_ids": ids})
        )

    def logs(self, job: Job) -> str:
        """The log so far.

        Raises:
            APIError: there is none yet.
        """
        return self._session.text(f"{self._path(job)}/logs")

    def follow(self, job: Job, *, interval: float = 1.0, timeout: float | None = None) -> Iterator[Job]:
        """The job each time that it has changed, until it has ended; looks every `interval` seconds."""
        return self.follow_several([job], interval=interval, timeout=timeout)

    def follow_several(
        self, jobs: Sequence[Job], *, interval: float = 1.0, timeout: float | None = None
    ) -> Iterator[Job]:
        """Each of the jobs each time that it has changed, until all have ended.

        Raises:
            WaitTimeoutError: `timeout` seconds were not enough.
        """
        last: dict[str, Job] = {}

        def look() -> tuple[Job, ...]:
            going_on = [job for job in jobs if job.id not in last or not last[job.id].ended]
            return tuple(self.refresh(job) for job in going_on)

        what = f"Job {', '.join(job.id for job in jobs)}"
        for found in states(look, what=what, interval=interval, timeout=timeout):
            for job in found:
                if job != last.get(job.id):
                    last[job.id] = job
                    yield job
            if all(last[job.id].ended for job in jobs):
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

    def follow_log(self, job: Job, *, patience: float = 60.0) -> Iterator[str]:
        """The log from its beginning and as it grows, in pieces of whole lines, until the job has ended.

        A connection that breaks, as when the server is started again, is made anew, and no line comes twice.

        Raises:
            APIError: the caller may not read it (any more).
            ConnectionFailedError: the server has not answered for `patience` seconds.
        """
        return LogFollower(self._session, f"{self._path(job)}/logs", patience).lines()

    def history(self, job: Job) -> tuple[JobChange, ...]:
        """How the job came to its state: each change with its time, who made it and why, the oldest first."""
        reply = self._session.call("GET", self._path(job, verb="history"))
        return tuple(JobChange.model_validate(one) for one in reply["changes"])

    def files(self, job: Job) -> tuple[str, ...]:
        """The names of the files that the job wrote."""
        return tuple(self._session.call("GET", self._path(job, verb="list_files")))

    def download(self, job: Job, target: Path, tell: Tell | None = None) -> list[Path]:
        """Fetch all files of the job and its log into the folder `target`. Returns what was written.

        A connection that breaks is made anew, and what has arrived is not sent again: not even if this ends
        in an error, or the process is killed, and the same is asked for once more.

        Args:
            job: whose files.
            target: is made if it does not exist.
            tell: is called with the bytes that have arrived, and those that there are.

        Raises:
            ConnectionFailedError: nothing more arrives.
            UnsafeArchiveError: what arrived is damaged, or would write elsewhere.
        """
        return self._downloaded(job, target, "download", {}, tell)

    def download_files(
        self, job: Job, names: Sequence[str], target: Path, tell: Tell | None = None
    ) -> list[Path]:
        """Fetch some of `files(job)`, as `download` does all of them. Returns what was written."""
        query: dict[str, QueryValue] = {"file_lists": list(names), "tar_files": "True"}
        return self._downloaded(job, target, "download_selective_files", query, tell)

    def _downloaded(
        self, job: Job, target: Path, verb: str, query: Mapping[str, QueryValue], tell: Tell | None
    ) -> list[Path]:
        path = self._path(job, verb)
        arrival = Arrival(target, path, query)
        Download(self._session, path, query, arrival, tell or (lambda *_: None)).fetch()
        try:
            written = unpack(arrival.path, target, strip=job.id)
        except UnsafeArchiveError:
            arrival.discard()
            raise
        arrival.discard()
        return written

    def list(self, experiment_id: str) -> tuple[Job, ...]:
        """The jobs of an experiment, newest first."""
        path = self._session.path("experiments", experiment_id, "jobs")
        return tuple(Job.model_validate(one) for one in self._session.pages(path, "jobs", {}))

    def _outcomes(self, method: str, path: str, body: Mapping[str, Any]) -> tuple[Outcome, ...]:
        reply = self._session.call(method, path, body=body)
        return tuple(Outcome.model_validate(one) for one in reply["results"])

    def _path(self, job: Job, verb: str = "") -> str:
        path = f"{self._path_of_all(job)}/{quote(job.id, safe='')}"
        return f"{path}:{verb}" if verb else path

    def _path_of_all(self, job: Job) -> str:
        kind, owner = (
            ("experiments", job.experiment_id) if job.experiment_id else ("datasets", job.dataset_id)
        )
        return self._session.path(kind, owner or "", "jobs")
