"""What Prometheus reads, held against what has happened."""

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import anyio
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from starlette.types import Receive, Scope, Send
from tests.server.resources.house import House, Lab, Person

from tunesmith.protocol import Cause
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.states import Status
from tunesmith.server.kit.database import now
from tunesmith.server.kit.settings import Settings
from tunesmith.server.metrics import telemetry
from tunesmith.server.metrics.jobs import note_restart
from tunesmith.server.metrics.requests import Measured, RequestMetrics
from tunesmith.server.scheduling.resources import Capacity
from tunesmith.server.scheduling.slots import SlotPool
from tunesmith.workers.base import Demand, Slot
from tunesmith.workers.machine import Node

TOKEN = "operators-own-token"
RUN = {"version": "6.0.0", "network": "dino", "action": "train", "success": True, "gpu": ["A100"]}


class Desk:
    """Stands in the scheduler's place: two slots for the processor, one of them taken, and two GPUs."""

    def __init__(self) -> None:
        node = Node(name="n", processor="p", cores=4, memory_mb=8192, gpus=("A", "B"))
        self._pool = SlotPool(Capacity(cpu_slots=2, io_slots=1, nodes=(node,)))
        self._pool.take(Demand(Slot.CPU))
        self._pool.take(Demand(Slot.GPU, gpus=1))

    def slots(self) -> Any:
        return self._pool.uses()


@pytest.fixture(autouse=True)
def desk(house: House) -> None:
    house.app.state.scheduler = Desk()
    house.app.state.settings = Settings(data_dir=house.settings.data_dir, min_free_mb=0, metrics_token=TOKEN)


def scrape(house: House) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Each sample by its name and labels."""
    reply = house.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert reply.status_code == 200, reply.text
    families = text_string_to_metric_families(reply.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: dict[Any, float], name: str, **labels: str) -> float:
    return samples.get((f"tunesmith_{name}", frozenset(labels.items())), 0.0)


@pytest.mark.shows("GET /metrics")
def test_jobs_datasets_and_slots_are_counted_as_they_are(house: House, lab: Lab) -> None:
    lab.trained()
    lab.post("train", {})
    samples = scrape(house)
    training = {"action": "train", "network": "classification_pyt"}
    assert value(samples, "jobs", status="Done", **training) == 1
    assert value(samples, "jobs", status="Pending", **training) == 1
    assert value(samples, "queue_length", slot="cpu", status="Pending") == 1
    assert value(samples, "queue_length", slot="cpu", status="Resuming") == 0
    assert value(samples, "queue_length", slot="gpu", status="Pending") == 0
    assert value(samples, "datasets", status="pull_complete") == 2
    assert value(samples, "slots", slot="cpu", state="used") == 1
    assert value(samples, "slots", slot="cpu", state="free") == 1
    assert value(samples, "slots", slot="gpu", state="used") == 1
    assert [name for name, _ in samples if name == "tunesmith_build_info"]
    assert ("process_resident_memory_bytes", frozenset()) in samples


def test_how_long_a_job_waited_and_ran_is_noted_when_it_is_committed(house: House, lab: Lab) -> None:
    labels = {"action": "train", "network": "classification_pyt"}
    before = scrape(house)
    job_id = lab.post("train", {})
    house.move(job_id, Status.RUNNING)
    running = scrape(house)
    house.move(job_id, Status.ERROR)
    ended = scrape(house)

    def more(late: Any, early: Any, name: str, **extra: str) -> float:
        return value(late, name, **labels, **extra) - value(early, name, **labels, **extra)

    assert more(running, before, "job_start_latency_seconds_count") == 1
    assert more(running, before, "job_seconds_count", status="Error") == 0
    assert more(ended, running, "job_seconds_count", status="Error") == 1
    assert more(ended, running, "job_start_latency_seconds_count") == 0


def test_the_longest_wait_is_that_of_the_first_in_the_queue(house: House, lab: Lab) -> None:
    assert value(scrape(house), "queue_oldest_seconds", slot="cpu") == 0
    for hours in (1, 3):
        house.change(lab.post("train", {}), created_on=now() - timedelta(hours=hours))
    resumed = lab.post("train", {})  # posted long ago, and waiting for a moment only
    house.change(resumed, created_on=now() - timedelta(hours=9))
    house.move(resumed, Status.PAUSED, Status.RESUMING)
    samples = scrape(house)
    assert value(samples, "queue_oldest_seconds", slot="cpu") == pytest.approx(3 * 3600, abs=60)
    assert value(samples, "queue_length", slot="cpu", status="Resuming") == 1
    assert value(samples, "queue_oldest_seconds", slot="io") == 0


def test_ends_are_counted_by_their_cause_and_restarts_too(house: House, lab: Lab) -> None:
    labels = {"action": "train", "network": "classification_pyt"}
    before = scrape(house)
    failed, gone = lab.post("train", {}), lab.post("train", {})
    house.change(failed, details=Details.of_failure(Cause.OUT_OF_MEMORY, "m").model_dump(mode="json"))
    house.move(failed, Status.RUNNING, Status.ERROR)
    house.move(gone, Status.CANCELED)
    note_restart("train", "classification_pyt")
    after = scrape(house)

    def more(name: str, **extra: str) -> float:
        return value(after, name, **labels, **extra) - value(before, name, **labels, **extra)

    assert more("job_ends_total", status="Error", cause="out of memory") == 1
    assert more("job_ends_total", status="Canceled", cause="") == 1
    assert more("job_seconds_count", status="Canceled") == 0  # it never ran
    assert more("job_restarts_total") == 1


def test_requests_are_counted_by_template_and_not_by_path(house: House, lab: Lab) -> None:
    lab.ada.get(f"datasets/{lab.train}")
    lab.ada.get(f"datasets/{lab.val}")
    lab.ada.ask("GET", "datasets/no-id")
    house.http.get("/api/v1/health")
    house.http.get("/default/api/v1/health")
    house.http.get("/wp-login.php")
    house.http.request("BREW", "/coffee")
    samples = scrape(house)
    route = "/api/v1/orgs/{org_name}/datasets/{dataset_id}"
    assert value(samples, "http_requests_total", method="GET", route=route, status="200") == 2
    assert value(samples, "http_requests_total", method="GET", route=route, status="400") == 1
    assert value(samples, "http_requests_total", method="GET", route="/api/v1/health", status="200") == 2
    assert value(samples, "http_requests_total", method="GET", route="nowhere", status="404") == 1
    assert value(samples, "http_requests_total", method="OTHER", route="nowhere", status="404") == 1
    assert value(samples, "http_request_seconds_count", method="GET", route=route) == 3
    assert value(samples, "http_request_seconds_sum", method="GET", route=route) > 0
    assert not [labels for _, labels in samples if lab.train in str(labels)]


def test_a_request_that_crashes_counts_as_500(house: House) -> None:
    async def crash(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a defect")

    async def nothing(*_: Any) -> Any:
        raise AssertionError("there is nobody to talk to")

    registry = CollectorRegistry()
    measured = Measured(crash, RequestMetrics(registry), house.app.state.route_names)
    with pytest.raises(RuntimeError):
        anyio.run(measured, {"type": "http", "method": "GET", "path": "/"}, nothing, nothing)
    labels = {"method": "GET", "route": "nowhere", "status": "500"}
    assert registry.get_sample_value("tunesmith_http_requests_total", labels) == 1


def test_metrics_are_for_the_operators_token_and_whoever_is_logged_in(house: House, ada: Person) -> None:
    def status(authorization: str, path: str = "/metrics") -> int:
        headers = {b"Authorization": authorization.encode()} if authorization else {}
        code: int = house.http.get(path, headers=headers).status_code
        return code

    def basic(user: str, password: str) -> str:
        return "Basic " + b64encode(f"{user}:{password}".encode()).decode()

    good = [f"Bearer {TOKEN}", f"Bearer {ada.token}", basic("$metricstoken", TOKEN)]
    bad = [
        "",
        "Bearer",
        "Bearer operators-own-tokem",
        "Bearer é",
        basic("$metricstoken", "wrong"),
        basic("ada", TOKEN),
        basic("$metricstoken", ""),
        "Basic !!!",
    ]
    assert {status(one) for one in good} == {200}
    assert {status(one, "/api/v1/metrics") for one in good} == {200}
    assert {one: status(one) for one in bad} == dict.fromkeys(bad, 401)


def test_without_a_token_of_the_operator_only_a_login_opens_them(house: House, ada: Person) -> None:
    house.app.state.settings = house.settings
    for authorization in ("Bearer ", "Bearer None", "Basic JG1ldHJpY3N0b2tlbjo="):
        assert house.http.get("/metrics", headers={"Authorization": authorization}).status_code == 401
    assert house.http.get("/metrics", headers={"Authorization": f"Bearer {ada.token}"}).status_code == 200


def test_a_token_that_can_be_guessed_stops_the_start(house: House) -> None:
    with pytest.raises(ValueError, match="at least 16"):
        Settings(data_dir=house.settings.data_dir, metrics_token="short")


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT status, action, network, count(*) FROM jobs WHERE internal IS 0 GROUP BY 1, 2, 3",
            "COVERING INDEX ix_jobs_kinds",
        ),
        ("SELECT status, count(*) FROM datasets GROUP BY status", "COVERING INDEX ix_datasets_status"),
        (
            "SELECT slot, count(*) FROM jobs WHERE status IN ('Pending', 'Resuming') GROUP BY slot",
            "ix_jobs_",
        ),
    ],
)
def test_what_a_scrape_asks_is_answered_by_an_index(house: House, query: str, index: str) -> None:
    with house.database.read() as session:
        plan = " ".join(str(row) for row in session.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert index in plan


def report(ada: Person, **fields: Any) -> Any:
    return ada.http.post(
        "/api/v1/metrics", json=RUN | fields, headers={"Authorization": f"Bearer {ada.token}"}
    )


@pytest.mark.shows("POST /metrics")
def test_reports_are_added_up_and_all_of_them_are_shown(house: House, ada: Person) -> None:
    report(ada, time_lapsed=60)
    report(ada, time_lapsed=30)
    reply = report(ada, success=False, gpu=["B", "A"], time_lapsed=1.5)
    assert reply.status_code == 201
    shown = reply.json()
    assert (shown["total"], shown["failed"], shown["time_lapsed"]) == (3, 1, 91.5)
    assert shown["last_updated"].endswith("+00:00")
    good = next(one for one in shown["actions"] if one["success"])
    assert good == RUN | {"count": 2, "time_lapsed": 90.0}
    bad = next(one for one in shown["actions"] if not one["success"])
    assert bad["gpu"] == ["A", "B"]


def test_reports_at_one_moment_are_all_counted(house: House, ada: Person) -> None:
    with ThreadPoolExecutor(8) as crowd:
        assert {reply.status_code for reply in crowd.map(lambda _: report(ada), range(24))} == {201}
    assert report(ada).json()["total"] == 25


@pytest.mark.parametrize(
    "fields",
    [
        {"time_lapsed": -1},
        {"time_lapsed": "long"},
        {"gpu": "A100"},
        {"gpu": ["x"] * 65},
        {"network": "x" * 101},
        {"action": "\0"},
        {"success": {}},
    ],
)
def test_a_report_that_makes_no_sense_is_refused(house: House, ada: Person, fields: dict[str, Any]) -> None:
    assert report(ada, **fields).status_code == 400
    assert house.http.post("/api/v1/metrics", json=RUN).status_code == 401


def test_endless_new_names_are_counted_under_one(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "MOST_KINDS", 3)
    for number in range(6):
        shown = report(ada, network=f"made-up-{number}").json()
    assert shown["total"] == 6
    assert sorted(one["network"] for one in shown["actions"]) == [
        "made-up-0",
        "made-up-1",
        "made-up-2",
        "other",
    ]
    assert report(ada, network="made-up-1").json()["actions"][1]["count"] == 2
