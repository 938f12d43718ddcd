"""A job that runs: the tests play the parts of its worker, and of the servers that watch it."""

from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import select, update
from tests.server.resources.house import House, Lab

from tunesmith.protocol import Done, Event, JobFolder
from tunesmith.server.jobs.states import Status
from tunesmith.server.kit.installation import installation_id
from tunesmith.server.scheduling.attempts import begin_attempt, ran_here
from tunesmith.server.scheduling.folding import fold, take_rest_of_log
from tunesmith.server.tables import Job, JobLog


class Running:
    """A training of Ada's on some server: this one, unless another's name and folders are given."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.house: House = lab.house
        self.id = lab.post("train", {})
        self.here = installation_id(self.house.settings)
        self.source, self.folder = self.here, self.house.folder(self.id)
        self.token = uuid4()

    @property
    def job_id(self) -> UUID:
        return UUID(self.id)

    def start(self, source: str | None = None, jobs_dir: Path | None = None) -> "Running":
        """An attempt begins, as the scheduler and the watch do it."""
        self.source = source or self.here
        self.folder = JobFolder((jobs_dir or self.house.settings.jobs_dir) / self.id)
        self.folder.root.mkdir(parents=True, exist_ok=True)
        self.token = uuid4()
        job = self.house.job(self.id)
        assert job
        if job.status != Status.RUNNING:
            self.house.move(self.id, Status.RUNNING)
        with self.house.database.write() as session:
            held = {"lease_owner": self.source, "lease_token": self.token}
            session.execute(update(Job).where(Job.id == self.job_id).values(held))
        if ran_here(self.house.database, self.job_id, self.source):
            self.fold()
        begin_attempt(self.house.database, self.job_id, self.token, self.source, self.folder)
        return self

    def write(self, text: bytes) -> "Running":
        """The worker writes to its log."""
        with self.folder.log_path.open("ab") as log:
            log.write(text)
        return self

    def report(self, event: Event) -> "Running":
        self.folder.append(event)
        return self

    def fold(self) -> bool:
        return fold(self.house.database, self.job_id, self.token, self.folder)

    def finish(self) -> None:
        """The worker is done and gone."""
        assert self.report(Done()).fold()
        take_rest_of_log(self.house.database, self.job_id, self.folder, self.source)

    @property
    def text(self) -> bytes:
        """The log as clients get it."""
        reply = self.lab.ada.ask("GET", f"{self.lab.path}/jobs/{self.id}/logs")
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"].startswith("text/plain")
        content: bytes = reply.content
        return content

    def rows(self) -> list[JobLog]:
        with self.house.database.read() as session:
            query = select(JobLog).where(JobLog.job_id == self.job_id).order_by(JobLog.position)
            return list(session.scalars(query))
