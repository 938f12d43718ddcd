"""Jobs that a real server holds and nobody runs: whoever reports for them is their worker."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from tests.live_server import Server

from tunesmith.cluster.reporter import Reporter
from tunesmith.protocol import JobFolder, Progress
from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.jobs.reports import report_url
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.installation import installation_id
from tunesmith.server.kit.settings import Settings
from tunesmith.server.tables import Experiment, Job


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.01)


class Post:
    """A server, and its database behind its back."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.settings = Settings(data_dir=server.data_dir)
        self.database = Database(self.settings.resolved_database_url)
        space = server.local_workspace(server.folder("space"))
        body = {"network_arch": "classification_pyt", "workspace": space}
        reply = server.api("POST", "/experiments", json=body)
        assert reply.status_code == 200, reply.text
        self.experiment_id = UUID(reply.json()["id"])

    def kill(self) -> None:
        self.server.process.kill()
        self.server.process.wait()

    def start_again(self) -> None:
        self.server.start(int(self.server.url.rsplit(":", maxsplit=1)[1]))

    def close(self) -> None:
        self.database.dispose()
        self.server.stop()


class Errand:
    """A job that runs by its first attempt, and the folder that its worker has on some node."""

    def __init__(self, post: Post, node: Path) -> None:
        self.post, self.id = post, uuid4()
        self.here, self.node = JobFolder(post.settings.jobs_dir / str(self.id)), JobFolder(node)
        self.here.root.mkdir(parents=True)
        self.node.root.mkdir()
        self.lost: list[str] = []
        self.owner = me = installation_id(post.settings)
        with post.database.write() as session:
            experiment = session.get_one(Experiment, post.experiment_id)
            job = Job(id=self.id, org_id=experiment.org_id, user_id=experiment.user_id, action="train")
            job.experiment_id, job.status, job.attempt = experiment.id, "Running", 1
            job.lease_owner = job.ran_on = me
            job.lease_token, job.log_offsets = uuid4(), {me: 0}
            job.slot, job.gpus = "gpu", 1000  # a server that is started again finds no room to go on with it
            session.add(job)

    @property
    def url(self) -> str:
        with self.post.database.read() as session:
            url = report_url(session, self.id, f"{self.post.server.url}/api/v1")
        assert url
        return url

    @property
    def token(self) -> str:
        return TokenSigner.of(self.post.settings).sign_job(self.id)

    def reporter(
        self, url: str | None = None, token: str | None = None, lease_seconds: float = 60
    ) -> Reporter:
        reporter = Reporter(
            self.node,
            url or self.url,
            token or self.token,
            1,
            lambda: self.lost.append("lost"),
            lease_seconds=lease_seconds,
        )
        reporter.start()
        return reporter

    def write(self, number: int, text: bytes = b"caf\xe9\n") -> None:
        self.node.append(Progress(epoch=number))
        with self.node.log_path.open("ab") as log:
            log.write(text)

    def change(self, **values: object) -> None:
        with self.post.database.write() as session:
            session.execute(update(Job).where(Job.id == self.id).values(values))

    @property
    def status(self) -> str | None:
        with self.post.database.read() as session:
            return session.scalar(select(Job.status).where(Job.id == self.id))

    @property
    def has_all(self) -> bool:
        """Whether the server's files are those of the node."""
        pairs = (
            (self.here.events_path, self.node.events_path),
            (self.here.log_path, self.node.log_path),
        )
        return all(one.exists() and one.read_bytes() == other.read_bytes() for one, other in pairs)


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    post = Post(Server(tmp_path_factory.mktemp("post"), TUNESMITH_STOP_GRACE="0"))
    yield post
    post.close()


@pytest.fixture
def errand(post: Post, tmp_path: Path) -> Errand:
    return Errand(post, tmp_path / "node")
