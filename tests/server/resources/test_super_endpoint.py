"""One operation that stands for the others."""

from typing import Any

import pytest
from tests.server.resources.house import House, Lab, Person

from tunesmith.server.jobs.states import Status
from tunesmith.server.orgs.dispatch import TARGETS


def ask(person: Person, api_endpoint: str, **fields: Any) -> Any:
    return person.ask("POST", "super_endpoint", {"api_endpoint": api_endpoint, **fields})


@pytest.mark.shows("POST /super_endpoint")
def test_it_does_what_the_named_operation_does(lab: Lab):
    one = {"kind": "experiments", "handler_id": lab.id}
    assert ask(lab.ada, "retrieve", **one).json() == lab.ada.get(lab.path)
    listed = ask(lab.ada, "list", kind="experiments", request_body={"skip": 0, "size": 1}).json()
    assert listed == lab.ada.get("experiments", skip=0, size=1)
    changed = ask(lab.ada, "partial_update", **one, request_body={"name": "new"}, is_json_request=True)
    assert changed.json()["name"] == lab.ada.get(lab.path)["name"] == "new"
    job = ask(lab.ada, "job_run", **one, request_body='{"action": "train", "specs": {}}').json()
    about = one | {"job_id": job, "is_job": True}
    assert ask(lab.ada, "retrieve", **about).json()["status"] == "Pending"
    assert ask(lab.ada, "specs_schema", **about).json() == lab.ada.get(f"{lab.path}/jobs/{job}/schema")
    assert ask(lab.ada, "specs_schema", **one, action="train").json()["default"]
    assert ask(lab.ada, "job_cancel", **about).json() == {}
    assert lab.ada.get(f"{lab.path}/jobs/{job}")["status"] == Status.CANCELED
    assert ask(lab.ada, "job_delete", **about).json() == {}
    assert ask(lab.ada, "org_gpu_types").json() == lab.ada.ask("GET", "../acme:gpu_types").json()


def test_files_come_as_they_are(lab: Lab):
    job = lab.trained()
    lab.leave_files(job, {"model.onnx": b"model"})
    got = ask(lab.ada, "job_download", kind="experiments", handler_id=lab.id, job_id=job)
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.content.startswith(b"\x1f\x8b")


def test_a_refusal_keeps_its_code_and_its_sentence(lab: Lab, bob: Person):
    one = {"kind": "experiments", "handler_id": lab.id}
    hidden = ask(bob, "retrieve", **one)
    assert (hidden.status_code, hidden.json()["error_code"]) == (404, 404)
    lab.ada.patch(lab.path, {"shared": True})
    assert ask(bob, "partial_update", **one, request_body={"name": "mine"}).status_code == 403
    assert ask(bob, "job_run", **one, request_body={"action": "train", "specs": {}}).status_code == 403
    wrong = ask(lab.ada, "job_run", **one, request_body={"action": "fly"})
    assert wrong.status_code == 400
    assert "action" in wrong.json()["error_desc"]
    assert ask(lab.ada, "create", kind="experiments", request_body="{").status_code == 400


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"api_endpoint": "super_endpoint"}, "api_endpoint: must be one of org_gpu_types"),
        ({"api_endpoint": "login"}, "api_endpoint"),
        ({"api_endpoint": "retrieve"}, "kind"),
        ({"api_endpoint": "retrieve", "kind": "experiments"}, "handler_id: is missing"),
        ({"api_endpoint": "retrieve", "kind": "orgs"}, "kind"),
        ({"api_endpoint": "retrieve", "kind": "datasets", "handler_id": "../x"}, "handler_id"),
        ({"api_endpoint": "specs_schema", "kind": "datasets", "action": "a/b"}, "action"),
        ({"api_endpoint": "job_pause", "kind": "datasets"}, "is for experiments, not for datasets"),
        ({"api_endpoint": "list", "kind": "datasets", "request_body": [1]}, "request_body"),
        ({"api_endpoint": "list", "kind": "datasets", "surprise": 1}, "surprise"),
        ({}, "api_endpoint"),
    ],
)
def test_what_makes_no_sense_is_refused(ada: Person, fields: dict[str, Any], words: str):
    assert words in ada.refused(400, "POST", "super_endpoint", fields)


def test_nobody_gets_in_without_a_login(house: House, ada: Person):
    reply = house.http.post("/api/v1/orgs/acme/super_endpoint", json={"api_endpoint": "list"})
    assert reply.status_code == 401
    elsewhere = Person("ada", "other", ada.user_id, ada.org_id, ada.token, ada.http)
    assert ask(elsewhere, "list", kind="experiments").status_code == 403


def test_every_name_leads_to_an_operation(house: House, ada: Person):
    """Ids that are nowhere: 404 with a sentence about the object, and never about the route."""
    missing = "00000000-0000-4000-8000-000000000000"
    for name, target in TARGETS.items():
        reply = ask(
            ada,
            name,
            kind=target.kinds[-1],
            handler_id=missing,
            job_id=missing,
            action="train",
            request_body={},
        )
        assert reply.status_code < 500, (name, reply.text)
        if reply.status_code >= 400:
            assert reply.json()["error_desc"] not in {"Not Found", "Method Not Allowed"}, name
