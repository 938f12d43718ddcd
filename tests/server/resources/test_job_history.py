"""How a job came to its state, for whoever may see the job."""

import json
import logging

import pytest
import structlog
from tests.server.resources.house import Lab, Person

from tunesmith.server.jobs.states import Status


def changes(lab: Lab, job: str, reader: Person | None = None) -> list[tuple[str | None, str, str, str]]:
    found = (reader or lab.ada).get(f"{lab.path}/jobs/{job}:history")["changes"]
    assert [one["at"] for one in found] == sorted(one["at"] for one in found)
    return [tuple(one[key] for key in ("from_status", "to_status", "actor", "reason")) for one in found]


def test_who_did_what_and_why(lab: Lab):
    job = lab.post("train", {})
    assert changes(lab, job) == [(None, "Pending", "ada", "posted")]
    lab.house.move(job, Status.RUNNING)
    lab.ada.post(f"{lab.path}/jobs/{job}:pause")
    lab.house.move(job, Status.PAUSED)
    lab.ada.post(f"{lab.path}/jobs/{job}:resume", {})
    lab.ada.post(f"{lab.path}/jobs/{job}:cancel")
    found = changes(lab, job)
    assert [one[:2] for one in found] == [
        (None, "Pending"),
        ("Pending", "Running"),
        ("Running", "Pausing"),
        ("Pausing", "Paused"),
        ("Paused", "Resuming"),
        ("Resuming", "Canceled"),
    ]
    assert [one[3] for one in found] == [
        "posted",
        "test",
        "paused on request",
        "test",
        "resumed on request",
        "cancelled on request",
    ]
    by = [one[2] for one in found]
    assert [by[0], by[2], by[4], by[5]] == ["ada"] * 4
    assert by[1].startswith("server ")


def test_jobs_of_datasets_have_one_too(lab: Lab):
    job = lab.house.insert(lab.ada, lab.train, "augment")
    assert lab.ada.get(f"datasets/{lab.train}/jobs/{job}:history")["changes"][0]["to_status"] == "Pending"


def test_only_those_who_may_see_the_job_see_its_history(lab: Lab, bob: Person, eve: Person):
    job = lab.post("train", {})
    path = f"{lab.path}/jobs/{job}:history"
    bob.refused(404, "GET", path)
    eve.refused(404, "GET", path)
    lab.ada.refused(404, "GET", f"datasets/{lab.train}/jobs/{job}:history")
    lab.ada.patch(lab.path, {"shared": True})
    assert changes(lab, job, bob) == [(None, "Pending", "ada", "posted")]
    eve.refused(404, "GET", path)


def test_each_change_is_a_line_of_the_servers_log(lab: Lab, capsys: pytest.CaptureFixture[str]):
    job = lab.post("train", {})
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    try:
        lab.house.move(job, Status.RUNNING)
        lab.ada.post(f"{lab.path}/jobs/{job}:cancel")
    finally:
        structlog.reset_defaults()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "job_state" in line]
    first, second = (line for line in lines if line["job"] == job)
    assert (first["from_status"], first["to_status"], first["reason"]) == ("Pending", "Running", "test")
    assert (second["to_status"], second["actor"]) == ("Canceling", "ada")
    assert second["network"] == "classification_pyt"
    assert second["seconds"] >= 0
