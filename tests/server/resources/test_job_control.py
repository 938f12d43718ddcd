"""Jobs are stopped, go on, run again and are forgotten; nobody else's are touched."""

from typing import Any
from uuid import uuid4

import pytest
from tests.server.resources.house import House, Lab, Person

from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.states import Status
from tunesmith.server.tables import Job, JobHistory

OTHERS = ["Done", "Error", "Canceled", "Canceling", "Pausing"]


def status(lab: Lab, job_id: str) -> str:
    found: str = lab.ada.get(f"{lab.path}/jobs/{job_id}")["status"]
    return found


def running(lab: Lab, *more: Status) -> str:
    job = lab.post("train", {})
    lab.house.move(job, Status.RUNNING, *more)
    return job


def paused(lab: Lab, **columns: Any) -> str:
    job = running(lab, Status.PAUSING, Status.PAUSED)
    if columns:
        lab.house.change(job, **columns)
    return job


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs/{job_id}:pause")
def test_what_waits_pauses_at_once_and_what_runs_when_its_worker_has_ended(lab: Lab):
    waits, runs = lab.post("train", {}), running(lab)
    for job in (waits, runs):
        woken = lab.house.hint.woken
        assert lab.ada.post(f"{lab.path}/jobs/{job}:pause") == {}
        assert lab.house.hint.woken == woken + 1
    assert (status(lab, waits), status(lab, runs)) == ("Paused", "Pausing")
    assert lab.ada.get(lab.path)["status"] == "Pausing"
    with lab.house.database.read() as session:
        why = {str(row.job_id): (row.actor, row.reason) for row in session.query(JobHistory)}
    assert why[waits] == why[runs] == ("ada", "paused on request")


@pytest.mark.parametrize("at", [*OTHERS, "Paused"])
def test_what_cannot_be_paused(lab: Lab, at: str):
    job = lab.post("train", {})
    lab.house.change(job, status=at)
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs/{job}:pause")
    assert said == f"Job {job} is {at}: only jobs that wait or run can be paused"


def test_only_trainings_pause(lab: Lab):
    job = lab.post("export", parent_job_id=lab.trained())
    said = lab.ada.refused(404, "POST", f"{lab.path}/jobs/{job}:pause")
    assert said.startswith("Only train or retrain jobs can be paused")
    lab.ada.refused(404, "POST", f"{lab.path}/jobs/{uuid4()}:pause")
    assert lab.ada.ask("POST", f"datasets/{lab.train}/jobs/{job}:pause").status_code in {404, 405}


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs/{job_id}:resume")
def test_a_paused_job_goes_on_with_the_same_specs_or_a_new_length(lab: Lab):
    job = paused(lab)
    specs = lab.ada.get(f"{lab.path}/jobs/{job}", return_specs="true")["specs"]
    assert lab.ada.post(f"{lab.path}/jobs/{job}:resume") == {}
    shown = lab.ada.get(f"{lab.path}/jobs/{job}", return_specs="true")
    assert (shown["status"], shown["specs"]) == ("Resuming", specs)
    assert shown["job_details"][job]["detailed_status"]["message"] == "Waits for the scheduler"
    lab.house.move(job, Status.PAUSED)
    specs["train"] |= {"num_epochs": 20, "checkpoint_interval": 5, "validation_interval": 2}
    lab.ada.post(f"{lab.path}/jobs/{job}:resume", {"specs": specs, "parent_job_id": None})
    assert lab.ada.get(f"{lab.path}/jobs/{job}", return_specs="true")["specs"] == specs
    lab.house.move(job, Status.PAUSED)
    lab.ada.post(f"{lab.path}/jobs/{job}:resume", {"specs": {"train": {"num_epochs": 12}}})
    specs["train"]["num_epochs"] = 12
    assert lab.ada.get(f"{lab.path}/jobs/{job}", return_specs="true")["specs"] == specs


def test_what_was_measured_shows_while_a_job_waits_to_go_on(lab: Lab):
    details = {"at": "2026-01-01T00:00:00Z", "epoch": 4, "message": "Stopped on request", "eta": 61}
    job = paused(lab, details=details)
    assert lab.ada.get(lab.path)["jobs"][job]["detailed_status_message"] == "Stopped on request"
    lab.ada.post(f"{lab.path}/jobs/{job}:resume", {})
    short = lab.ada.get(lab.path)["jobs"][job]
    assert (short["detailed_status_message"], short["epoch"]) == ("Waits for the scheduler", 4)
    whole = lab.ada.get(f"{lab.path}/jobs/{job}")["job_details"][job]
    assert (whole["detailed_status"]["message"], whole["epoch"]) == ("Waits for the scheduler", 4)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "x"}, "name: Extra inputs are not permitted"),
        ({"action": "train"}, "action: Extra inputs are not permitted"),
        ([], "Input should be"),
        ({"specs": []}, "specs: Input should be a valid dictionary"),
        ({"specs": {"train": {"num_epoch": 3}}}, "train.num_epoch: is not a key of this network"),
        ({"specs": {"train": {"num_epochs": 0}}}, "train.num_epochs: must be at least 1"),
        (
            {"specs": {"train": {"num_epochs": 6}}},
            "must be at least 7, the epoch in which",
        ),
        (
            {"specs": {"train": {"num_epochs": 20, "seed": 1, "optim": {"lr": 1.0}}}},
            "specs: train.seed, train.optim.lr: cannot change in the middle of a training; train.num_epochs",
        ),
        ({"specs": {"train": {"num_gpus": 2}}}, "train.num_gpus: cannot change"),
        ({"specs": {"model": {"head": {"custom_args": {}}}}}, "model.head.custom_args: cannot change"),
        ({"parent_job_id": str(uuid4())}, "parent_job_id: cannot change from None"),
        ({"parent_job_id": "x"}, "parent_job_id: Input should be a valid UUID"),
    ],
)
def test_what_may_not_change_in_the_middle_of_a_training(lab: Lab, body: Any, said: str):
    job = lab.post("train", {"model": {"head": {"custom_args": {"drop_rate": 0.1}}}})
    lab.house.change(job, status="Paused", details={"epoch": 7})
    assert said in lab.ada.refused(400, "POST", f"{lab.path}/jobs/{job}:resume", body)
    assert status(lab, job) == "Paused"


@pytest.mark.parametrize("at", ["Pending", "Running", "Resuming", *OTHERS])
def test_only_what_is_paused_resumes(lab: Lab, at: str):
    job = lab.post("train", {})
    lab.house.change(job, status=at)
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs/{job}:resume")
    assert said == f"Job status should be paused, not {at}"


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs/{job_id}:retry")
def test_a_failed_job_is_posted_again_on_the_data_as_it_is_now(lab: Lab):
    parent = lab.trained()
    fields = {"name": "look", "description": "closely", "parent_job_id": parent}
    job = lab.post("evaluate", {"dataset": {"batch_size": 3}}, **fields)
    lab.house.change(job, status="Error")
    lab.ada.patch(f"datasets/{lab.val}", {"cloud_file_path": "elsewhere"})
    again = lab.ada.post(f"{lab.path}/jobs/{job}:retry")
    shown = lab.ada.get(f"{lab.path}/jobs/{again}", return_specs="true")
    old = lab.ada.get(f"{lab.path}/jobs/{job}", return_specs="true")
    assert (shown["name"], shown["description"], shown["status"]) == ("look Retry", "closely", "Pending")
    assert (shown["parent_id"], shown["specs"]) == (parent, old["specs"])
    assert old["status"] == "Error"
    row = lab.house.job(again)
    assert row
    frozen = FrozenInputs.load(row.inputs).eval_dataset
    assert frozen
    assert (frozen.revision, frozen.source.prefix) == (2, "elsewhere")


def test_names_of_retries_stay_within_the_limit(lab: Lab):
    long, none = lab.post("train", {}, name="n" * 500), lab.post("train", {})
    for job, name in ((long, "n" * 494 + " Retry"), (none, "Retry")):
        lab.house.move(job, Status.CANCELED)
        again = lab.ada.post(f"{lab.path}/jobs/{job}:retry")
        assert lab.ada.get(f"{lab.path}/jobs/{again}")["name"] == name


@pytest.mark.parametrize("at", ["Done", "Running", "Pending", "Canceling", "Resuming", "Pausing", "Paused"])
def test_what_has_not_failed_is_not_retried(lab: Lab, at: str):
    job = lab.post("train", {})
    lab.house.change(job, status=at)
    said = lab.ada.refused(400, "POST", f"{lab.path}/jobs/{job}:retry")
    assert said == f"Unable to retry job with {at} status"


def test_a_retry_that_could_not_run_now_is_refused(lab: Lab):
    parent = lab.trained()
    job = lab.post("export", parent_job_id=parent)
    lab.house.change(job, status="Error")
    lab.house.change(parent, status="Error")
    assert "ended in an error" in lab.ada.refused(400, "POST", f"{lab.path}/jobs/{job}:retry")
    lab.ada.delete(f"{lab.path}/jobs/{parent}")
    assert "export needs the model" in lab.ada.refused(400, "POST", f"{lab.path}/jobs/{job}:retry")


def test_children_that_have_not_begun_end_with_the_parent_that_is_deleted(lab: Lab):
    parent = lab.trained()
    waits, rests, begun = (lab.post("train", {}, parent_job_id=parent) for _ in range(3))
    lab.ada.post(f"{lab.path}/jobs/{rests}:pause")
    lab.house.move(begun, Status.RUNNING, Status.PAUSING, Status.PAUSED)
    lab.ada.delete(f"{lab.path}/jobs/{parent}")
    assert [status(lab, job) for job in (waits, rests, begun)] == ["Error", "Canceled", "Paused"]
    told = lab.ada.get(f"{lab.path}/jobs/{waits}")["job_details"][waits]["detailed_status"]["message"]
    assert f"The parent job {parent} was deleted." in told


@pytest.mark.shows("POST /experiments/{experiment_id}:cancel_all_jobs")
def test_all_jobs_of_an_experiment_are_cancelled(lab: Lab):
    assert "all_jobs_cancel_status" not in lab.ada.get(lab.path)
    waits, runs, done, rests = lab.post("train", {}), running(lab), lab.trained(), paused(lab)
    assert lab.ada.post(f"{lab.path}:cancel_all_jobs") == {}
    found = {job: status(lab, job) for job in (waits, runs, done, rests)}
    assert found == {waits: "Canceled", runs: "Canceling", done: "Done", rests: "Paused"}
    assert lab.ada.get(lab.path)["all_jobs_cancel_status"] == "Canceling"
    lab.house.move(runs, Status.CANCELED)
    assert lab.ada.get(lab.path)["all_jobs_cancel_status"] == "Canceled"
    lab.ada.patch(lab.path, {"logo": "https://example.org/logo"})
    (listed,) = lab.ada.get("experiments")["experiments"]
    assert listed["all_jobs_cancel_status"] == "Canceled"
    lab.ada.post(f"{lab.path}:cancel_all_jobs")


@pytest.mark.shows("POST /experiments:cancel_all_jobs")
def test_all_jobs_of_several_experiments_are_cancelled(lab: Lab, bob: Person):
    job = lab.post("train", {})
    other = lab.ada.post("experiments", {"network_arch": "classification_pyt", "workspace": lab.space})["id"]
    mine = {"network_arch": "classification_pyt", "workspace": lab.house.workspace(bob)}
    bobs = bob.post("experiments", mine)["id"]
    ids = [lab.id, bobs, "x", other]
    results = lab.ada.post("experiments:cancel_all_jobs", {"experiment_ids": ids})["results"]
    assert [one["id"] for one in results] == ids
    assert [one["status"] for one in results] == ["success", "failed", "failed", "success"]
    assert [one.get("error_code") for one in results] == [None, 404, 1, None]
    assert status(lab, job) == "Canceled"
    bodies: list[Any] = [{}, {"experiment_ids": lab.id}, [], {"experiment_ids": [1]}]
    for body in bodies:
        lab.ada.refused(400, "POST", "experiments:cancel_all_jobs", body)


@pytest.mark.shows("POST /datasets/{dataset_id}:cancel_all_jobs", "POST /datasets:cancel_all_jobs")
def test_all_jobs_of_datasets_are_cancelled_but_for_the_pull(lab: Lab):
    one, other = (lab.house.insert(lab.ada, lab.train, "dataset_convert") for _ in range(2))
    lab.ada.patch(f"datasets/{lab.train}", {"cloud_file_path": "elsewhere"})
    assert lab.ada.post(f"datasets/{lab.train}:cancel_all_jobs") == {}
    jobs = lab.ada.get(f"datasets/{lab.train}/jobs")["jobs"]
    assert {job["id"]: job["status"] for job in jobs} == {one: "Canceled", other: "Canceled"}
    assert lab.ada.get(f"datasets/{lab.train}")["status"] == "starting"
    third = lab.house.insert(lab.ada, lab.val, "dataset_convert")
    ids = [lab.val, str(uuid4())]
    reply = lab.ada.post("datasets:cancel_all_jobs", {"dataset_ids": ids})
    assert [result["status"] for result in reply["results"]] == ["success", "failed"]
    assert lab.ada.get(f"datasets/{lab.val}/jobs/{third}")["status"] == "Canceled"


@pytest.mark.shows("DELETE /experiments/{experiment_id}/jobs")
def test_several_jobs_are_forgotten_and_each_has_an_outcome(lab: Lab):
    done, waits, rests = lab.trained(), lab.post("train", {}), paused(lab)
    ids = [done, waits, str(uuid4()), "../x", rests, done]
    reply = lab.ada.ask("DELETE", f"{lab.path}/jobs", {"job_ids": ids})
    assert reply.status_code == 200
    results = reply.json()["results"]
    assert [one["id"] for one in results] == ids
    assert [one.get("error_code") for one in results] == [None, 400, 404, 1, None, 404]
    assert results[0] == {"id": done, "status": "success"}
    assert f"{waits} is Pending; cancel it first" in results[1]["error_desc"]
    assert [one["id"] for one in lab.ada.get(f"{lab.path}/jobs")["jobs"]] == [waits]
    lab.ada.refused(400, "DELETE", f"{lab.path}/jobs", {"job_ids": "all"})


@pytest.mark.shows(
    "DELETE /datasets/{dataset_id}/jobs",
    "POST /datasets/{dataset_id}/jobs/{job_id}:retry",
    "POST /datasets/{dataset_id}/jobs/{job_id}:cancel",
)
def test_jobs_of_datasets_are_handled_alike(lab: Lab):
    job = lab.house.insert(lab.ada, lab.train, "dataset_convert")
    path = f"datasets/{lab.train}/jobs"
    assert lab.ada.post(f"{path}/{job}:cancel") == {}
    # Only actions that work here can be posted, and so posted again.
    assert "dataset_convert requested not in" in lab.ada.refused(404, "POST", f"{path}/{job}:retry")
    reply = lab.ada.ask("DELETE", path, {"job_ids": [job]})
    assert reply.json() == {"results": [{"id": job, "status": "success"}]}


def test_a_job_that_is_deleted_while_it_pauses_leaves_nothing_behind(house: House, lab: Lab):
    job = running(lab, Status.PAUSING)
    lab.ada.delete(f"{lab.path}/jobs/{job}")
    assert lab.ada.get(f"{lab.path}/jobs") == {"jobs": []}
    lab.house.move(job, Status.CANCELED)
    lab.ada.delete(f"{lab.path}/jobs/{lab.trained()}")
    with house.database.read() as session:
        assert session.query(Job).filter(Job.internal.is_(False)).count() == 0


def test_nobody_acts_on_the_jobs_of_others(lab: Lab, bob: Person, eve: Person):
    lab.ada.patch(lab.path, {"shared": True})
    job = paused(lab)
    for person, code in ((bob, 403), (eve, 404)):
        for verb in ("cancel", "pause", "resume", "retry", "publish_model"):
            body: dict[str, Any] = {}
            person.refused(code, "POST", f"{lab.path}/jobs/{job}:{verb}", body)
        person.refused(code, "POST", f"{lab.path}:cancel_all_jobs")
        (result,) = person.ask("DELETE", f"{lab.path}/jobs", {"job_ids": [job]}).json()["results"]
        assert result["error_code"] == code
        person.refused(code, "DELETE", f"{lab.path}/jobs/{job}:remove_published_model")
    assert bob.get(f"{lab.path}/jobs/{job}:automl_details")["experiments"] == {}
    eve.refused(404, "GET", f"{lab.path}/jobs/{job}:automl_details")


@pytest.mark.shows("GET /experiments/{experiment_id}/jobs/{job_id}:automl_details")
def test_a_job_that_is_no_search_has_no_trials(lab: Lab):
    found = lab.ada.get(f"{lab.path}/jobs/{lab.post('train', {})}:automl_details")
    assert found == {"current_experiment_id": 0, "metric": "val_acc_1", "experiments": {}}
