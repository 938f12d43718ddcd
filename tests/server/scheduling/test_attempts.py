"""Jobs that move between nodes and servers: nothing that was reported is lost, and nothing counts twice."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from tunesmith.cluster.outbox import Outbox
from tunesmith.protocol import EventTail, JobFolder, Progress
from tunesmith.server.jobs.reports import GapError, take_report
from tunesmith.server.jobs.repository import Kind, Owner
from tunesmith.server.jobs.tables import Job, JobLog
from tunesmith.server.kit.errors import MisdirectedError
from tunesmith.server.kit.installation import installation_id
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.attempts import begin_attempt, move_attempt
from tunesmith.server.scheduling.claims import LeaseLostError
from tunesmith.server.scheduling.folding import fold


class Site:
    """One of the servers of a database, with folders of its own."""

    def __init__(self, folder: Path, job_id: UUID) -> None:
        folder.mkdir(exist_ok=True)
        self.settings = Settings(data_dir=folder, min_free_mb=0)
        self.id = installation_id(self.settings)
        self.folder = JobFolder(self.settings.jobs_dir / str(job_id))


class Wanderer:
    """A job, the node that its worker is on, and the servers that it may be with."""

    def __init__(self, house: Any, tmp_path: Path) -> None:
        self.house, self.tmp_path = house, tmp_path
        self.job_id: UUID = house.post("train", status="Running")
        self.sites = [Site(tmp_path / f"site-{number}", self.job_id) for number in range(2)]
        self.at = self.sites[0]
        self.token = uuid4()
        self.attempts: list[tuple[list[str], bytes]] = []
        self.counted: list[str] = []
        self.written = 0
        self.begin(self.at)

    def begin(self, site: Site) -> None:
        """A further worker, on another node."""
        self.lease(site)
        begin_attempt(self.house.database, self.job_id, self.token, site.id, site.folder)
        self.attempts.append(([], b""))
        self.node = JobFolder(self.tmp_path / uuid4().hex)
        self.node.root.mkdir()
        self.outbox = Outbox(self.node)

    def move(self) -> None:
        """The other server goes on with the worker that there is."""
        self.lease(next(site for site in self.sites if site is not self.at))
        move_attempt(self.house.database, self.job_id, self.token, self.at.id, self.at.folder)

    def lease(self, site: Site) -> None:
        self.at, self.token = site, uuid4()
        held = {"lease_owner": site.id, "lease_token": self.token}
        with self.house.database.write() as session:
            session.execute(update(Job).where(Job.id == self.job_id).values(held))

    def write(self) -> None:
        self.written += 1
        events, log = self.attempts[-1]
        message = f"event {self.written}"
        line = f"line {self.written}\n".encode()
        self.node.append(Progress(message=message))
        with self.node.log_path.open("ab") as file:
            file.write(line)
        self.attempts[-1] = ([*events, message], log + line)

    def report(self, site: Site, *, heard: bool = True) -> None:
        """What is new is sent to a server, whose answer may be lost."""
        report = self.outbox.report(len(self.attempts))
        owner = Owner(Kind.EXPERIMENT, self.house.experiment_id)
        try:
            with self.house.database.read() as session:
                taken = take_report(session, "acme", owner, self.job_id, site.settings, report)
        except GapError as error:
            body = error.body()
            self.outbox.take(body["events_offset"], body["log_offset"])
        except MisdirectedError:
            assert site is not self.at
        else:
            if heard:
                self.outbox.take(taken.events_offset, taken.log_offset)

    def fold(self) -> None:
        events = EventTail(self.at.folder, self.house.job(self.job_id).events_offset).read()
        self.counted += [event.message for event in events if isinstance(event, Progress)]
        fold(self.house.database, self.job_id, self.token, self.at.folder)

    def log(self) -> list[bytes]:
        """The log in the database, by attempt."""
        with self.house.database.read() as session:
            rows = select(JobLog.content).where(JobLog.job_id == self.job_id).order_by(JobLog.position)
            text = b"".join(session.scalars(rows))
        found = [b""]
        for line in text.splitlines(keepends=True):
            if line.startswith(b"--- attempt"):
                found.append(b"")
            else:
                found[-1] += line
        return found


STEPS = st.sampled_from(["write", "write", "report", "report", "unheard", "astray", "fold", "move", "begin"])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.tuples(STEPS, st.booleans()), min_size=10, max_size=30))
def test_wherever_a_job_goes_each_report_counts_once(
    house: Any, tmp_path: Path, steps: list[tuple[str, bool]]
):
    wanderer = Wanderer(house, tmp_path)
    for step, here in steps:
        match step:
            case "write":
                wanderer.write()
            case "report":
                wanderer.report(wanderer.at)
            case "unheard":
                wanderer.report(wanderer.at, heard=False)
            case "astray":
                wanderer.report(next(site for site in wanderer.sites if site is not wanderer.at))
            case "fold":
                wanderer.fold()
            case "move":
                wanderer.move()
            case "begin":
                wanderer.fold()  # as the watch does when a worker is gone
                wanderer.begin(wanderer.sites[here])
    for _ in range(2):  # to hear what is missing, and to send it
        wanderer.report(wanderer.at)
    wanderer.fold()

    messages = wanderer.counted
    assert len(messages) == len(set(messages)), "counted twice"
    logs = wanderer.log()
    assert len(logs) == len(wanderer.attempts)
    for (events, log), text in zip(wanderer.attempts, logs, strict=True):
        told = [message for message in messages if message in events]
        assert told == events[: len(told)], "lost in between"
        assert log.startswith(text)
    events, log = wanderer.attempts[-1]
    assert messages[len(messages) - len(events) :] == events
    assert logs[-1] == log


def test_what_a_server_had_not_put_into_the_database_comes_again_at_the_next(house: Any, tmp_path: Path):
    wanderer = Wanderer(house, tmp_path)
    first, second = wanderer.sites
    wanderer.write()
    wanderer.report(first)
    wanderer.fold()
    wanderer.write()
    wanderer.report(first)  # and the server dies
    wanderer.move()
    wanderer.write()
    wanderer.report(second)
    assert second.folder.events_size() == 0
    wanderer.report(second)
    wanderer.fold()
    assert wanderer.counted == ["event 1", "event 2", "event 3"]
    assert wanderer.log() == [b"line 1\nline 2\nline 3\n"]
    wanderer.begin(first)
    assert wanderer.log() == [b"line 1\nline 2\nline 3\n", b""]


def test_a_server_that_lost_its_lease_neither_begins_nor_moves_an_attempt(house: Any, tmp_path: Path):
    wanderer = Wanderer(house, tmp_path)
    for way in (begin_attempt, move_attempt):
        with pytest.raises(LeaseLostError):
            way(house.database, wanderer.job_id, uuid4(), wanderer.sites[1].id, wanderer.sites[1].folder)
    assert house.job(wanderer.job_id).attempt == 1


def test_moving_to_where_the_job_is_changes_nothing(house: Any, tmp_path: Path):
    wanderer = Wanderer(house, tmp_path)
    wanderer.write()
    wanderer.report(wanderer.at)
    move_attempt(house.database, wanderer.job_id, wanderer.token, wanderer.at.id, wanderer.at.folder)
    wanderer.fold()
    assert wanderer.log() == [b"line 1\n"]
