"""The endpoint that Prometheus scrapes, and the one that takes reports of what ran elsewhere."""

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from tunesmith.server.jobs.followers import Followers
from tunesmith.server.kit.dependencies import ReadSession, WriteSession
from tunesmith.server.metrics import telemetry
from tunesmith.server.metrics.access import Watcher
from tunesmith.server.metrics.jobs import JOBS
from tunesmith.server.metrics.schemas import TelemetryReq, TelemetryRsp
from tunesmith.server.metrics.snapshot import Snapshot
from tunesmith.server.scheduling.scheduler import Scheduler

router = APIRouter(tags=["METRICS"], dependencies=[Watcher])

_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get("/metrics", response_class=Response, responses=_TEXT)
def metrics(request: Request, session: ReadSession) -> Response:
    """Metrics of the server, for Prometheus."""
    registry: CollectorRegistry = request.app.state.metrics
    scheduler: Scheduler = request.app.state.scheduler
    followers: Followers = request.app.state.followers
    parts = (registry, JOBS, Snapshot(session, scheduler.slots(), followers.count))
    return Response(b"".join(map(generate_latest, parts)), media_type=CONTENT_TYPE_LATEST)


@router.post("/metrics", status_code=201)
def report(body: TelemetryReq, session: WriteSession) -> TelemetryRsp:
    """Count an action that ran. The counters stay on this server; the reply shows them all."""
    telemetry.count(session, body)
    return telemetry.document(session)
