"""Jobs as clients see them. One odd value in a row never hides it, nor the list that it is in."""

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from tunesmith.server.jobs.detail_schemas import JobResult
from tunesmith.server.jobs.details import Details, render_details
from tunesmith.server.jobs.queue import Place, places
from tunesmith.server.jobs.schemas import JobRsp
from tunesmith.server.jobs.states import WAITING, status_of
from tunesmith.server.jobs.tables import Job
from tunesmith.specs import Action


def replies_to(session: Session, jobs: Sequence[Job], *, specs: bool) -> list[JobRsp]:
    """The jobs, with their specs if wanted. Those that wait for a slot tell their place in the queue."""
    known = places(session, jobs)
    return [reply_to(job, specs=specs, place=known.get(job.id)) for job in jobs]


def reply_to(job: Job, *, specs: bool, place: Place | None = None) -> JobRsp:
    """The job, with its specs if wanted, and its place in the queue if it has one."""
    extras: dict[str, Any] = {"specs": finite(job.specs)} if specs else {}
    if job.experiment_id:
        extras["experiment_id"] = job.experiment_id
    else:
        extras["dataset_id"] = job.dataset_id
    status = status_of(job.status)
    waits_for = job.waits_for if status in WAITING else ""
    if waits_for and place:
        waits_for = f"{waits_for}; place {place.place} of {place.length} in the queue"
    rendered = finite(render_details(job.id, Details.load(job.details), waits_for, goal_of(job)))
    return JobRsp(
        id=job.id,
        parent_id=job.parent_id,
        created_on=job.created_on,
        last_modified=job.last_modified,
        action=Action(job.action),
        status=status,
        job_details={name: JobResult.model_validate(shown) for name, shown in rendered.items()},
        name=job.name,
        description=job.description,
        platform_id=job.platform_id,
        **extras,
    )


def goal_of(job: Job) -> str | None:
    """The metric that chooses a job's best checkpoint."""
    goal = job.inputs.get("metric") if isinstance(job.inputs, dict) else None
    name = goal.get("name") if isinstance(goal, dict) else None
    return name if isinstance(name, str) else None


def finite(value: Any) -> Any:
    """JSON without the numbers that JSON does not have: they become null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: finite(part) for key, part in value.items()}
        case list():
            return [finite(part) for part in value]
        case _:
            return value
