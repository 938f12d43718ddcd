"""Servers that share a database: heartbeats, and what becomes of the jobs of one that is gone."""

from uuid import uuid4

import pytest
from sqlalchemy import func, select
from tests.postgres import postgres
from tests.server.scheduling.conftest import House

from tunesmith.server.jobs.states import Status, transition
from tunesmith.server.jobs.tables import Job, JobHistory
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling import claims, servers
from tunesmith.server.scheduling.resources import local_capacity
from tunesmith.server.scheduling.servers import Peers
from tunesmith.server.scheduling.tables import Server


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def pair(tmp_path, monkeypatch, house, postgres_url):
    """Two servers on one PostgreSQL, each with a data folder of its own."""

    def one(name: str) -> House:
        folder = tmp_path / name
        folder.mkdir()
        settings = Settings(data_dir=folder, cpu_slots=1, io_slots=1, max_restarts=0)
        return House(settings, Database(postgres_url), house.vault)

    first, second = one("first"), one("second")
    first.furnish()
    for name in ("experiment_id", "org_id", "user_id", "workspace"):
        setattr(second, name, getattr(first, name))
    yield first, second
    for each in (first, second):
        each.stop()
        each.database.dispose()


def test_a_heart_that_stands_still_for_a_lease_is_dead_and_one_that_was_not_seen_is_not(house):
    clock = Clock()
    peers = Peers(patience=30, clock=clock)
    with house.database.write() as session:
        servers.register(session, "other", "host", local_capacity(house.settings))

    def alive() -> set[str]:
        with house.database.read() as session:
            return peers.look(session)

    assert alive() == {"other"}
    clock.seconds += 29
    assert alive() == {"other"}
    with house.database.write() as session:
        assert servers.beat(session, "other", local_capacity(house.settings))
    clock.seconds += 29
    assert alive() == {"other"}
    clock.seconds += 29
    assert alive() == {"other"}  # it was seen to beat 29 seconds ago
    clock.seconds += 2
    assert alive() == set()
    peers.forget()  # the database was away: the other may have been cut off as this server was
    assert alive() == {"other"}


def test_a_server_that_was_taken_for_dead_learns_it(house):
    with house.database.write() as session:
        assert not servers.beat(session, "nobody", local_capacity(house.settings))


def test_a_dead_server_is_forgotten_once_its_jobs_are_taken_over(house):
    job_id = house.post("train", status="Running", lease_owner="other", lease_token=uuid4())
    with house.database.write() as session:
        servers.register(session, "other", "host", local_capacity(house.settings))
    with house.database.write() as session:
        servers.bury(session, "other")
    with house.database.write() as session:
        assert session.get(Server, "other")
        assert [one for one, _ in claims.orphans(session, {"other"}, [])] == []
        assert [one for one, _ in claims.orphans(session, set(), [])] == [job_id]
        assert claims.take_over(session, job_id=job_id, owner="me", alive=set(), gpus=())
        servers.bury(session, "other")
        assert session.get(Server, "other") is None
    with house.database.write() as session:  # it has a server now
        assert claims.take_over(session, job_id=job_id, owner="third", alive={"me"}, gpus=()) is None


def test_two_servers_share_the_queue_and_each_job_runs_once(pair):
    first, second = pair
    first.start()
    second.start()
    jobs = [first.post("train") for _ in range(20)]
    for job_id in jobs:
        assert first.until_ended(job_id).status == "Done"
        assert first.history(job_id) == [("Pending", "Running"), ("Running", "Done")]
        assert first.job(job_id).attempt == 1
    with first.database.read() as session:
        assert len(set(session.scalars(select(Job.ran_on)))) == 2


def test_a_hint_reaches_the_server_that_runs_the_job(pair):
    first, second = pair
    second.settings = second.settings.model_copy(update={"lease_seconds": 3600})  # no look but by a hint
    second.start()
    job_id = second.post("evaluate")
    second.until_running(job_id)
    first.settings = first.settings.model_copy(update={"lease_seconds": 3600})
    first.start()
    with first.database.write() as session:
        transition(session, job_id, Status.CANCELING, "a test")
    first.hint.wake()
    assert first.until_ended(job_id).status == "Canceled"


def test_a_stopped_servers_job_goes_on_at_the_other_from_a_folder_of_its_own(pair):
    first, second = pair
    first.start()
    job_id = first.post("evaluate")
    first.until_running(job_id)
    second.start()
    first.stop()
    job = second.until_ended(job_id)
    assert (job.status, job.attempt) == ("Done", 2)
    assert second.details(job_id).outcome == {"attempt": 2}
    with second.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Server)) == 1
        moves = session.scalars(select(JobHistory.to_status).where(JobHistory.job_id == job_id)).all()
    assert sorted(moves) == ["Done", "Running"]


def test_jobs_go_on_while_their_postgresql_is_started_again(house, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    settings = Settings(data_dir=folder, cpu_slots=2, io_slots=1, max_restarts=0)
    with postgres() as running:
        lab = House(settings, Database(running.get_uri()), house.vault)
        try:
            lab.furnish()
            lab.start()
            job_id = lab.post("evaluate")
            lab.until_running(job_id)
            running.stop()
            lab.hint.wake()  # a look that must fail
            running.start()
            assert lab.until_ended(lab.post("train")).status == "Done"
            job = lab.job(job_id)
            assert (job.status, job.attempt, job.restarts) == ("Running", 1, 0)
            with lab.database.write() as session:
                transition(session, job_id, Status.CANCELING, "a test")
            lab.hint.wake()
            assert lab.until_ended(job_id).status == "Canceled"
        finally:
            lab.stop()
            lab.database.dispose()
