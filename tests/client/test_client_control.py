"""What the SDK and the command line ask of a server to stop jobs, run them on, again, publish, forget."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.client.tiny_server import Reply, TinyServer
from typer.testing import CliRunner, Result

from tunesmith.client import BadRequestError, Client, ConnectionFailedError, Outcome
from tunesmith.client.commands import ExitCode, build
from tunesmith.client.models import Job

ORG = "/api/v1/orgs/acme"
JOBS = f"{ORG}/experiments/e1/jobs"
JOB: dict[str, Any] = {"id": "j1", "experiment_id": "e1", "action": "train", "status": "Running"}
RESULTS = {
    "results": [
        {"id": "j1", "status": "success"},
        {"id": "j2", "status": "failed", "error_desc": "j2 is Running; cancel it first", "error_code": 400},
    ]
}

Run = Callable[..., Result]


@pytest.fixture
def job(tiny: TinyServer) -> Job:
    tiny.on("GET", f"{JOBS}/j1", JOB)
    return Job.model_validate(JOB)


@pytest.fixture
def run(tiny: TinyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line of somebody who is logged in to the tiny server."""
    monkeypatch.setenv("TUNESMITH_CONFIG", str(tmp_path / "config.json"))
    for name, value in (("URL", tiny.url), ("ORG", "acme"), ("TOKEN", "t0ken")):
        monkeypatch.setenv(f"TUNESMITH_{name}", value)
    return lambda *words, **rest: CliRunner().invoke(build(), [str(word) for word in words], **rest)


def test_a_job_is_paused_and_goes_on(tiny: TinyServer, client: Client, job: Job):
    tiny.on("POST", f"{JOBS}/j1:pause", {})
    tiny.on("POST", f"{JOBS}/j1:resume", {})
    client.jobs.pause(job)
    client.jobs.resume(job)
    client.jobs.resume(job, {"train": {"num_epochs": 20}})
    assert [one.body for one in tiny.asked] == [None, {}, {"specs": {"train": {"num_epochs": 20}}}]


def test_a_retry_is_a_new_job(tiny: TinyServer, client: Client, job: Job):
    tiny.on("POST", f"{JOBS}/j1:retry", "j9")
    tiny.on("GET", f"{JOBS}/j9", JOB | {"id": "j9", "status": "Pending"})
    again = client.jobs.retry(job)
    assert (again.id, again.status) == ("j9", "Pending")


def test_a_refusal_keeps_its_sentence(tiny: TinyServer, client: Client, job: Job):
    said = "Unable to retry job with Done status"
    tiny.on("POST", f"{JOBS}/j1:retry", Reply(400, {"error_desc": said, "error_code": 400}))
    with pytest.raises(BadRequestError, match=said):
        client.jobs.retry(job)


def test_a_model_is_published_and_taken_back(tiny: TinyServer, client: Client, job: Job):
    tiny.on("POST", f"{JOBS}/j1:publish_model", {"message": "Published model into requested org"})
    tiny.on("DELETE", f"{JOBS}/j1:remove_published_model", {"message": "Removed model"})
    client.jobs.publish(job, "digits", "d", team="red")
    client.jobs.unpublish(job)
    client.jobs.unpublish(job, team="red")
    client.jobs.unpublish(job, name="digits")
    assert tiny.asked[0].body == {"display_name": "digits", "description": "d", "team_name": "red"}
    assert [one.query for one in tiny.asked[1:]] == [{}, {"team_name": ["red"]}, {}]
    assert [one.body for one in tiny.asked[1:]] == [None, None, {"display_name": "digits"}]


def test_publishing_a_large_model_has_no_timeout(tiny: TinyServer, job: Job):
    done = threading.Event()
    tiny.on("POST", f"{JOBS}/j1:publish_model", Reply(body={"message": "Published"}, after=done))
    tiny.on("POST", f"{JOBS}/j1:pause", Reply(body={}, after=done))
    with Client(tiny.url, "acme", token="t0ken", timeout=0.05) as client:
        with ThreadPoolExecutor(1) as pool:
            publishing = pool.submit(client.jobs.publish, job)
            for _ in range(3):  # each waits for as long as a timeout lasts
                with pytest.raises(ConnectionFailedError, match="it took too long"):
                    client.jobs.pause(job)
            done.set()
        publishing.result()


def test_many_are_asked_for_at_once(tiny: TinyServer, client: Client, job: Job):
    tiny.on("DELETE", JOBS, RESULTS)
    other = Job.model_validate(JOB | {"id": "j3", "experiment_id": None, "dataset_id": "d1"})
    tiny.on("DELETE", f"{ORG}/datasets/d1/jobs", {"results": [{"id": "j3", "status": "success"}]})
    second = job.model_copy(update={"id": "j2"})
    outcomes = client.jobs.delete_several([job, other, second])
    assert [(one.id, one.well) for one in outcomes] == [("j1", True), ("j2", False), ("j3", True)]
    assert [one.body for one in tiny.asked] == [{"job_ids": ["j1", "j2"]}, {"job_ids": ["j3"]}]
    tiny.on("POST", f"{ORG}/experiments:cancel_all_jobs", {"results": [{"id": "e1", "status": "success"}]})
    tiny.on("POST", f"{ORG}/datasets:cancel_all_jobs", {"results": []})
    assert client.jobs.cancel_all("e1") == (Outcome(id="e1", status="success"),)
    assert client.jobs.cancel_all("d1", kind="datasets") == ()
    assert [one.body for one in tiny.asked[2:]] == [{"experiment_ids": ["e1"]}, {"dataset_ids": ["d1"]}]


def test_commands_tell_how_the_job_stands_and_what_comes_next(tiny: TinyServer, run: Run):
    states = ("Running", "Pausing", "Paused", "Resuming", "Paused", "Resuming")
    tiny.on("GET", f"{JOBS}/j1", *(JOB | {"status": status} for status in states))
    for verb in ("pause", "resume"):
        tiny.on("POST", f"{JOBS}/j1:{verb}", {})
    owner = ("--experiment", "e1")
    said = run("jobs", "pause", "j1", *owner).stderr
    assert said == "Job j1 is Pausing.\nLet it go on: tunesmith jobs resume j1\n"
    assert "Job j1 is Resuming." in run("jobs", "resume", "j1", *owner).stderr
    shown = run("jobs", "resume", "j1", "--set", "train.num_epochs=20", *owner, "--json")
    assert json.loads(shown.stdout)["status"] == "Resuming"
    assert tiny.asked[-2].body == {"specs": {"train": {"num_epochs": 20}}}


def test_commands_that_run_again_and_publish(tiny: TinyServer, run: Run):
    tiny.on("GET", f"{JOBS}/j1", JOB)
    tiny.on("GET", f"{JOBS}/j9", JOB | {"id": "j9", "status": "Pending"})
    tiny.on("POST", f"{JOBS}/j1:retry", "j9")
    tiny.on("POST", f"{JOBS}/j1:publish_model", {"message": "Published model into requested org"})
    tiny.on("DELETE", f"{JOBS}/j1:remove_published_model", {"message": "Removed model"})
    owner = ("--experiment", "e1")
    again = run("jobs", "retry", "j1", *owner)
    assert (again.stdout, again.stderr) == ("j9\n", "Job j9 is Pending. Watch it: tunesmith jobs watch j9\n")
    said = run("jobs", "publish", "j1", "--name", "digits", *owner).stderr
    assert said == "The model of job j1 is published.\n"
    gone = run("jobs", "unpublish", "j1", *owner, "--json")
    assert json.loads(gone.stdout) == {"id": "j1", "published": False}


def test_commands_about_many_tell_of_each_and_fail_if_one_failed(tiny: TinyServer, run: Run):
    for name in ("j1", "j2"):
        tiny.on("GET", f"{JOBS}/{name}", JOB | {"id": name})
    tiny.on("DELETE", JOBS, RESULTS)
    result = run("jobs", "delete", "j1", "j2", "--experiment", "e1")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == "j1: is deleted\nj2: j2 is Running; cancel it first\n"
    shown = run("jobs", "delete", "j1", "j2", "--experiment", "e1", "--json")
    assert json.loads(shown.stdout) == RESULTS["results"]
    tiny.on("POST", f"{ORG}/experiments:cancel_all_jobs", {"results": [{"id": "e1", "status": "success"}]})
    result = run("jobs", "cancel-all", "e1")
    assert (result.exit_code, result.stderr) == (0, "e1: its jobs stop\n")
