"""Reports of programs in jobs over HTTP: only for their own job, and shown like what workers write."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.resources.house import House, Lab, Person

from tunesmith.protocol import Metrics, Progress
from tunesmith.protocol.events import EVENT
from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.jobs.callbacks import events_of
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.states import Status

REPORT = {
    "status": "RUNNING",
    "message": "half way",
    "epoch": 3,
    "max_epoch": 6,
    "cur_iter": 40,
    "eta": "1 day, 0:01:30",
    "time_per_epoch": "0:00:30",
    "time_per_iter": "0:00:00.250",
    "graphical": {"loss": 0.5, "lr": "much"},
    "kpi": {"val_acc_1": 0.75},
    "categorical": {"accuracy": {"cat": 0.5, "dog": 1.0}},
}


class Worker:
    """Reports for a running job of Ada's."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.job = lab.post("train", {})
        lab.house.move(self.job, Status.RUNNING)
        self.token = lab.house.signer.sign_job(UUID(self.job))

    def says(self, verb: str, body: Any, *, token: str | None = None, path: str | None = None) -> Any:
        person = Person("worker", "acme", uuid4(), uuid4(), token or self.token, self.lab.ada.http)
        return person.ask("POST", f"{path or self.lab.path}/jobs/{self.job}:{verb}", body)

    def details(self) -> Details:
        job = self.lab.house.job(self.job)
        assert job
        return Details.model_validate(job.details)

    @property
    def has_reported(self) -> bool:
        job = self.lab.house.job(self.job)
        assert job
        return bool(job.details or job.log_size)


@pytest.fixture
def worker(lab: Lab) -> Worker:
    return Worker(lab)


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs/{job_id}:status_update")
def test_a_report_counts_once_however_often_it_comes(worker: Worker):
    for _ in range(2):
        reply = worker.says("status_update", {"experiment_number": "0", "status": json.dumps(REPORT)})
        assert reply.status_code == 200, reply.text
        worker.token = reply.json()["token"]
    found = worker.details()
    assert (found.epoch, found.max_epoch, found.step, found.message) == (3, 6, 40, "half way")
    assert (found.eta, found.seconds_per_epoch, found.seconds_per_step) == (86490, 30, 0.25)
    assert found.curves == {"loss": {"3": 0.5}, "lr": {"3": None}}
    assert found.results == {"val_acc_1": 0.75}
    assert found.categories == {"accuracy": {"cat": 0.5, "dog": 1.0}}


def test_what_job_details_shows_can_be_sent_back(worker: Worker):
    shown = {
        "epoch": 2,
        "graphical": [{"metric": "loss", "values": {"1": 0.9, "2": 0.7}, "x_min": 0}],
        "kpi": [{"metric": "val_acc_1", "values": {"1": 0.2, "2": 0.4}}],
        "categorical": [{"metric": "accuracy", "category_wise_values": [{"category": "cat", "value": 0.5}]}],
        "detailed_status": {"message": "on its way", "status": "RUNNING"},
    }
    assert worker.says("status_update", {"status": json.dumps(shown)}).status_code == 200
    found = worker.details()
    assert found.curves == {"loss": {"1": 0.9, "2": 0.7}}
    assert found.results == {"val_acc_1": 0.4}
    assert found.categories == {"accuracy": {"cat": 0.5}}
    assert found.message == "on its way"


@pytest.mark.shows("POST /experiments/{experiment_id}/jobs/{job_id}:log_update")
def test_a_log_grows(worker: Worker):
    for text in ("one\n", "two"):
        assert worker.says("log_update", {"experiment_number": "0", "log_contents": text}).status_code == 200
    assert worker.lab.ada.ask("GET", f"{worker.lab.path}/jobs/{worker.job}/logs").text == "one\ntwo\n"


@pytest.mark.parametrize("verb", ["status_update", "log_update"])
def test_only_the_worker_of_that_job_reports(house: House, lab: Lab, worker: Worker, verb: str):
    body = {"status": "{}", "log_contents": "x"}
    other = house.signer.sign_job(UUID(lab.post("train", {})))
    lapsed = TokenSigner(b"k" * 32, timedelta(seconds=-1)).sign_job(UUID(worker.job))
    forged = TokenSigner(b"x" * 32, timedelta(hours=1)).sign_job(UUID(worker.job))
    for status, token in ((403, lab.ada.token), (403, other), (401, lapsed), (401, forged), (401, "junk")):
        assert worker.says(verb, body, token=token).status_code == status
    nobody = lab.ada.http.post(f"/api/v1/orgs/acme/{lab.path}/jobs/{worker.job}:{verb}", json=body)
    assert nobody.status_code == 401
    assert worker.says(verb, body, path=f"datasets/{lab.train}").status_code == 404
    elsewhere = lab.ada.http.post(
        f"/api/v1/orgs/other/{lab.path}/jobs/{worker.job}:{verb}",
        json=body,
        headers={"Authorization": f"Bearer {worker.token}"},
    )
    assert elsewhere.status_code == 403
    assert not worker.has_reported


def test_the_token_of_a_job_opens_nothing_else(worker: Worker):
    person = Person("worker", "acme", uuid4(), uuid4(), worker.token, worker.lab.ada.http)
    for path in (worker.lab.path, f"{worker.lab.path}/jobs", "workspaces"):
        person.refused(401, "GET", path)


def test_a_job_that_does_not_run_takes_no_report(worker: Worker):
    worker.lab.house.move(worker.job, Status.DONE)
    reply = worker.says("log_update", {"log_contents": "late"})
    assert reply.status_code == 409
    assert "only jobs that run" in reply.json()["error_desc"]


@pytest.mark.parametrize("status", ["", "[]", "1", "{", '{"a": NaN}', "[" * 100_000, '"\\u0000"'])
def test_a_report_that_is_none_is_refused(worker: Worker, status: str):
    reply = worker.says("status_update", {"status": status})
    assert reply.status_code == 400
    assert "status" in reply.json()["error_desc"]
    assert not worker.has_reported


def test_a_report_without_end_is_refused(worker: Worker):
    assert worker.says("log_update", {"log_contents": "x" * (2**20 + 1)}).status_code == 400
    assert worker.says("status_update", {"status": " " * (2**20 + 1)}).status_code == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(REPORT, json_values)))
def test_odd_reports_become_events_that_can_be_read(report: dict[str, Any]):
    for event in events_of(report):
        assert isinstance(event, Progress | Metrics)
        Details().apply(EVENT.validate_json(EVENT.dump_json(event)))
