"""A full queue: 1,000 jobs of 0.2 s from four clients on two slots, and what 10,000 waiting ones cost."""

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, insert, select

from bench._load import Load
from bench._load import run as send
from bench._noop import SECONDS
from bench._site import Site
from bench.house import ORG, Figure, server
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import now

JOBS, CLIENTS, SLOTS = 1_000, 4, 2
WAITING, WATCHED = 10_000, 60
_CHUNK = 5_000


def run() -> list[Figure]:
    """Throughput against what the slots allow, and the pause between two jobs in a short and a long queue."""
    with server("bench._noop_server", TUNESMITH_CPU_SLOTS=str(SLOTS)) as started:
        site = Site.furnish(started)
        _let_go(site)
        _until_ended(site, 1)  # by then the server has done its imports
        begun = now()
        _post(site)
        _until_ended(site, JOBS + 1)
        rows = _spans(site, begun)
        short = _pause(rows)
        seconds = (max(end for _, end in rows) - min(start for start, _ in rows)).total_seconds()
        begun = now()
        _flood(site)
        _until_ended(site, JOBS + 1 + WATCHED)
        long = _pause(_spans(site, begun)[:WATCHED])
    allowed = SLOTS / SECONDS
    return [
        Figure("jobs that were lost", JOBS - len(rows), limit=0),
        Figure("seconds that the slots allow / seconds taken", len(rows) / allowed / seconds, least=0.9),
        Figure("pause between two jobs of a slot, median", 1000 * short, "ms"),
        Figure(f"the same with {WAITING} waiting jobs", 1000 * long, "ms"),
        Figure("long queue / short queue", long / short, limit=2),
    ]


def _let_go(site: Site) -> None:
    """The dataset that the jobs of a site wait for is there."""
    from tunesmith.server.jobs.queue import release_all

    with site.database.write() as session:
        for dataset in session.scalars(select(Dataset)):
            dataset.status = "pull_complete"
        release_all(session)


def _post(site: Site) -> None:
    path = f"/api/v1/orgs/{ORG}/experiments/{site.experiment_id}/jobs"
    body = json.dumps({"action": "train", "specs": {}})
    load = Load(site.started.url, site.token, "POST", path, body, requests=JOBS // CLIENTS, warm_up=False)
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(send, [load] * CLIENTS))


def _flood(site: Site) -> None:
    """Waiting jobs without number, written where the API would write them."""
    with site.database.write() as session:
        model = session.scalars(select(Job).where(Job.action == "train")).first()
        assert model is not None
        row = {column.name: getattr(model, column.name) for column in Job.__table__.columns}
        row |= {"status": "Pending", "queue": "new", "details": {}, "attempt": 0, "events_offset": 0}
        row |= {"started_on": None, "ended_on": None, "ran_on": None, "log_size": 0, "log_offsets": {}}
        for start in range(0, WAITING, _CHUNK):
            ages = range(start, start + _CHUNK)
            moment = now()
            session.execute(
                insert(Job),
                [row | {"id": uuid4(), "created_on": moment + timedelta(microseconds=age)} for age in ages],
            )


def _until_ended(site: Site, count: int) -> None:
    deadline = time.monotonic() + 400
    query = select(func.count()).select_from(Job).where(Job.action == "train", Job.ended_on.is_not(None))
    while time.monotonic() < deadline:
        with site.database.read() as session:
            if session.execute(query).scalar_one() >= count:
                return
        time.sleep(0.5)
    raise RuntimeError(f"fewer than {count} jobs ended")


def _spans(site: Site, since: datetime) -> list[tuple[datetime, datetime]]:
    """Start and end of each job that started and ended since then."""
    query = select(Job.started_on, Job.ended_on).where(Job.action == "train", Job.ended_on.is_not(None))
    with site.database.read() as session:
        found = session.execute(query.where(Job.started_on >= since).order_by(Job.started_on)).all()
    return [(start, end) for start, end in found if start and end]


def _pause(spans: list[tuple[datetime, datetime]]) -> float:
    """Median seconds between the end of a job and the start of the next one on the slot that it freed."""
    ends = sorted(end for _, end in spans)
    starts = sorted(start for start, _ in spans)[SLOTS:]
    return statistics.median((start - end).total_seconds() for end, start in zip(ends, starts, strict=False))
