"""Each way in which a job can end, caused for real: forked workers, killed workers, a server that stops."""

import os
import signal
from uuid import UUID

import pytest
from tests.server.scheduling.conftest import BOTH

from tunesmith.protocol import Cause, JobFolder
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.inputs import PULL
from tunesmith.server.jobs.queue import release
from tunesmith.server.jobs.states import IllegalTransitionError, Status, transition

RUN = [("Pending", "Running")]


def cancel(house, job_id: UUID) -> None:
    with house.database.write() as session:
        transition(session, job_id, Status.CANCELING, "asked for by a test")
    house.hint.wake()


def worker_pid(house, job_id: UUID) -> int:
    events = JobFolder(house.settings.jobs_dir / str(job_id)).events_path.read_text()
    return int(events.split('"pid":')[-1].split(",")[0])


@BOTH
def test_a_job_runs_to_done_and_its_events_become_details(house, capsys):
    house.start()
    job_id = house.post("train")
    job = house.until_ended(job_id)
    assert job.status == "Done"
    assert job.lease_token is None
    details = house.details(job_id)
    assert details.curves == {"val_acc_1": {"1": 0.5}}
    assert details.outcome == {"attempt": 1}
    assert house.history(job_id) == [*RUN, ("Running", "Done")]
    with house.database.read() as session:
        epochs = session.get_one(Experiment, house.experiment_id).checkpoint_epoch_number
    assert epochs == {f"best_model_{job_id}": 1, f"latest_model_{job_id}": 1}
    house.stop()
    assert "lease_lost" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("action", "cause", "words"),
    [
        ("prune", Cause.BAD_DATA, "images_train.tar.gz holds no images."),
        ("retrain", Cause.INTERNAL, "a defect"),
        ("inference", Cause.LOST_WORKER, "SIGKILL"),
    ],
)
def test_a_job_that_ends_badly_names_cause_advice_and_log(house, action, cause, words):
    house.start()
    job = house.until_ended(house.post(action))
    details = house.details(job.id)
    assert (job.status, details.cause) == ("Error", cause)
    assert words in details.message
    assert details.advice
    assert details.log_tail


@BOTH
def test_a_job_whose_worker_is_lost_goes_on_with_another_one(house):
    house.settings = house.settings.model_copy(update={"max_restarts": 2})
    house.start()
    job_id = house.post("evaluate")
    house.until_running(job_id)
    os.kill(worker_pid(house, job_id), signal.SIGKILL)
    job = house.until_ended(job_id)
    assert (job.status, job.restarts, job.attempt) == ("Done", 1, 2)
    assert house.history(job_id) == [*RUN, ("Running", "Running"), ("Running", "Done")]


@BOTH
def test_a_job_that_loses_each_worker_ends_after_some_restarts(house):
    house.settings = house.settings.model_copy(update={"max_restarts": 2})
    house.start()
    job = house.until_ended(house.post("inference"))
    assert (job.status, job.restarts, job.attempt) == ("Error", 2, 3)
    assert "after 2 restarts" in house.details(job.id).message
    assert house.until_ended(house.post("train")).status == "Done"


@BOTH
def test_cancel_ends_a_running_job_that_listens(house):
    house.start()
    job_id = house.post("evaluate")
    house.until_running(job_id)
    cancel(house, job_id)
    assert house.until_ended(job_id).status == "Canceled"
    assert house.history(job_id) == [*RUN, ("Running", "Canceling"), ("Canceling", "Canceled")]


@BOTH
def test_cancel_ends_a_running_job_that_is_deaf(house):
    house.start()
    job_id = house.post("export")
    house.until(job_id, lambda job: bool(job.details))
    pid = worker_pid(house, job_id)
    cancel(house, job_id)
    assert house.until_ended(job_id).status == "Canceled"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@BOTH
def test_a_full_slot_makes_others_wait_and_say_so(house):
    house.start()
    first = house.post("evaluate")
    house.until_running(first)
    second = house.post("train")
    waiting = house.until(second, lambda job: bool(job.waits_for))
    assert waiting.status == "Pending"
    assert "processor slot" in waiting.waits_for
    cancel(house, first)
    assert house.until_ended(second).status == "Done"
    assert house.job(second).waits_for == ""


def test_a_child_waits_for_its_parent_and_fails_with_it(house):
    house.start()
    parent = house.post("evaluate")
    child = house.post("train", parent_id=parent)
    assert str(parent) in house.until(child, lambda job: bool(job.waits_for)).waits_for
    os.kill(worker_pid(house, house.until_running(parent).id), signal.SIGKILL)
    assert house.until_ended(child).status == "Error"
    assert house.details(child).cause is Cause.PARENT


def test_a_job_waits_for_its_dataset_and_fails_with_it(house):
    house.start()
    dataset_id = house.dataset()
    job_id = house.post("train", inputs=house.trains_on(dataset_id))
    assert "to be pulled" in house.until(job_id, lambda job: bool(job.waits_for)).waits_for
    with house.database.write() as session:
        dataset = session.get_one(Dataset, dataset_id)
        dataset.status, dataset.status_reason = "invalid_pull", "classes.txt is missing."
        release(session, dataset_id)
    house.hint.wake()
    assert house.until_ended(job_id).status == "Error"
    assert "classes.txt is missing." in house.details(job_id).message


def test_a_dataset_pulled_anew_holds_no_job_that_was_posted_before(house):
    dataset_id = house.dataset()
    with house.database.write() as session:
        session.get_one(Dataset, dataset_id).revision = 2
    house.start()
    job_id = house.post("train", inputs=house.trains_on(dataset_id))
    assert house.until_ended(job_id).status == "Done"


def test_a_pull_whose_dataset_was_deleted_ends(house):
    house.start()
    job_id = house.post(PULL, dataset_id=None, experiment_id=None, slot="io", internal=True)
    assert house.until_ended(job_id).status == "Done"


def test_a_pull_that_finds_faults_makes_the_dataset_invalid_with_the_reason(house):
    house.start()
    dataset_id = house.dataset()
    job_id = house.post(PULL, dataset_id=dataset_id, experiment_id=None, slot="io", internal=True)
    assert house.until_ended(job_id).status == "Done"
    with house.database.read() as session:
        dataset = session.get_one(Dataset, dataset_id)
    assert (dataset.status, dataset.status_reason) == ("invalid_pull", "classes.txt is missing.")


@BOTH
def test_a_stopped_server_leaves_its_job_running_and_the_next_one_goes_on(house):
    house.start()
    job_id = house.post("evaluate")
    house.until_running(job_id)
    house.stop()
    left = house.job(job_id)
    assert (left.status, left.lease_token) == ("Running", None)
    house.start()
    house.until_ended(job_id)
    assert house.details(job_id).outcome == {"attempt": 2}
    assert house.history(job_id) == [*RUN, ("Running", "Done")]


def test_a_row_that_cannot_be_read_fails_alone(house):
    bad = house.post("train", inputs={"train_datasets": "nonsense"})
    good = house.post("train")
    house.start()
    assert house.until_ended(good).status == "Done"
    assert house.until_ended(bad).status == "Error"


def test_a_fork_server_that_dies_is_started_again(house):
    house.start()
    house.until_ended(house.post("train"))
    process = house.scheduler._executor._compute._process
    process.kill()
    process.wait()
    assert house.until_ended(house.post("train")).status == "Done"


def test_transitions_off_the_table_are_refused_and_leave_no_trace(house):
    job_id = house.post("train")
    with house.database.write() as session, pytest.raises(IllegalTransitionError, match="is Pending"):
        transition(session, job_id, Status.DONE, "no")
    assert house.history(job_id) == []
