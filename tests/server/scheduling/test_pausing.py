"""A job that pauses is told to stop, settles as Paused however that goes, and goes on when it is resumed."""

from uuid import UUID

import pytest
from tests.server.scheduling.conftest import BOTH

from tunesmith.protocol import Cause, Done, JobFolder
from tunesmith.server.jobs.states import Status, transition

RUN = ("Pending", "Running")
PAUSE = ("Running", "Pausing")


def move(house, job_id: UUID, to: Status) -> None:
    with house.database.write() as session:
        transition(session, job_id, to, "asked for by a test")
    house.hint.wake()


def until(house, job_id: UUID, status: str):
    return house.until(job_id, lambda job: job.status == status)


def pausing(house, action: str, **settings: float) -> UUID:
    """A job that runs and is asked to pause."""
    house.settings = house.settings.model_copy(update=settings)
    house.start()
    job_id = house.post(action)
    house.until(job_id, lambda job: bool(job.details))
    move(house, job_id, Status.PAUSING)
    return job_id


@BOTH
def test_a_running_job_pauses_frees_its_slot_and_goes_on(house):
    job_id = pausing(house, "evaluate")
    paused = until(house, job_id, "Paused")
    assert (paused.lease_owner, paused.lease_token, paused.ended_on) == (None, None, None)
    assert house.until_ended(house.post("train")).status == "Done"
    move(house, job_id, Status.RESUMING)
    assert house.until_ended(job_id).status == "Done"
    assert house.details(job_id).outcome == {"attempt": 2}
    again = [("Paused", "Resuming"), ("Resuming", "Running"), ("Running", "Done")]
    assert house.history(job_id) == [RUN, PAUSE, ("Pausing", "Paused"), *again]


@BOTH
def test_a_worker_that_does_not_listen_is_ended_after_the_grace(house):
    job_id = pausing(house, "export", stop_grace=0.3)
    assert until(house, job_id, "Paused").attempt == 1


@BOTH
def test_a_job_that_pauses_can_be_cancelled_without_waiting_for_the_long_grace(house):
    job_id = pausing(house, "export", stop_grace=3600, cancel_grace=0.1)
    move(house, job_id, Status.CANCELING)
    assert house.until_ended(job_id).status == "Canceled"


@BOTH
def test_a_job_that_fails_while_it_pauses_has_failed(house):
    job_id = pausing(house, "distill")
    assert house.until_ended(job_id).status == "Error"
    assert house.details(job_id).cause is Cause.STORAGE


def test_a_job_whose_server_and_worker_are_gone_pauses_without_a_new_worker(house):
    job_id = house.post("train")
    move(house, job_id, Status.RUNNING)
    move(house, job_id, Status.PAUSING)
    house.start()
    assert until(house, job_id, "Paused").details == {}


def test_a_job_that_ended_well_before_it_heard_of_the_pause_is_done(house):
    (house.settings.data_dir / "server_id").write_text("this-server")
    job_id = house.post("train", ran_on="this-server")
    move(house, job_id, Status.RUNNING)
    move(house, job_id, Status.PAUSING)
    folder = JobFolder(house.settings.jobs_dir / str(job_id))
    folder.root.mkdir(parents=True)
    folder.append(Done(message="train is done", outcome={"epochs": 3}))
    house.start()
    assert until(house, job_id, "Done").details["outcome"] == {"epochs": 3}


def test_children_wait_for_a_paused_parent(house):
    job_id = pausing(house, "evaluate")
    until(house, job_id, "Paused")
    child = house.post("train", parent_id=job_id)
    said = f"Waits for the parent job {job_id}, which is Paused"
    house.until(child, lambda job: job.waits_for == said)
    move(house, job_id, Status.RESUMING)
    assert house.until_ended(child).status == "Done"


@BOTH
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_that_stops_while_a_job_pauses_settles_it_as_paused(house, when):
    house.start()
    job_id = house.post("evaluate")
    house.until_running(job_id)
    if when == "before":
        move(house, job_id, Status.PAUSING)
        house.stop()
    else:
        house.stop()
        move(house, job_id, Status.PAUSING)
    house.start()
    until(house, job_id, "Paused")
    move(house, job_id, Status.RESUMING)
    assert house.until_ended(job_id).status == "Done"


def test_a_pending_job_that_was_paused_is_not_started(house):
    job_id = house.post("train")
    move(house, job_id, Status.PAUSED)
    house.start()
    assert house.until_ended(house.post("train")).status == "Done"
    assert (house.job(job_id).status, house.job(job_id).attempt) == ("Paused", 0)
    move(house, job_id, Status.RESUMING)
    assert house.until_ended(job_id).status == "Done"
    assert house.details(job_id).outcome == {"attempt": 1}
