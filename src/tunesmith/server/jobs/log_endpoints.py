"""Endpoints that tell what a job wrote, and how it came to its state."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from tunesmith.server.jobs import history, service
from tunesmith.server.jobs.dependencies import LogDep, OwnerDep
from tunesmith.server.jobs.following import Follow
from tunesmith.server.jobs.logs import Log
from tunesmith.server.jobs.schemas import JobHistoryRsp
from tunesmith.server.jobs.server_events import EVENT_STREAM
from tunesmith.server.kit.dependencies import CallerDep, ReadSession
from tunesmith.server.kit.ids import PathId
from tunesmith.server.kit.middleware import leave_seat

router = APIRouter()

_PLAIN = "text/plain"
_LOG_REPLY: dict[int | str, dict[str, Any]] = {200: {"content": {_PLAIN: {}, EVENT_STREAM: {}}}}
_UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""A proxy that collected events until it has enough of them would hold them back."""


@router.get("/jobs/{job_id}/logs", response_class=PlainTextResponse, responses=_LOG_REPLY)
def get_log(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    request: Request,
    session: ReadSession,
    log: LogDep,
    automl_experiment_index: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="The trial of a search.")
    ] = None,
) -> Response:
    """Read the log of a job as far as it has been written, or follow it: `Accept: text/event-stream`."""
    service.check_trial(job_id, automl_experiment_index)
    if isinstance(log, Follow):
        log.check(session)
        events = log.events(lambda: leave_seat(request.scope))
        return StreamingResponse(events, media_type=EVENT_STREAM, headers=_UNBUFFERED)
    found = service.get_log(session, caller, owner, job_id, log)
    if isinstance(found, Log):
        return StreamingResponse(found.read(), media_type=_PLAIN)
    return PlainTextResponse(found)


@router.get("/jobs/{job_id}:history")
def get_history(caller: CallerDep, owner: OwnerDep, job_id: PathId, session: ReadSession) -> JobHistoryRsp:
    """Tell how a job came to its state: when, by whom, and why."""
    return history.read_history(session, caller, owner, job_id)
