"""Jobs as clients see them."""

from typing import Any

from tunesmith.server.jobs.detail_schemas import JobResult
from tunesmith.server.jobs.details import Details, render_details
from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.schemas import JobRsp
from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import Job
from tunesmith.specs import Action


def reply_to(job: Job, *, specs: bool) -> JobRsp:
    """The job, with its specs if wanted."""
    extras: dict[str, Any] = {"specs": job.specs} if specs else {}
    if job.experiment_id:
        extras["experiment_id"] = job.experiment_id
    else:
        extras["dataset_id"] = job.dataset_id
    goal = FrozenInputs.load(job.inputs).metric
    details = Details.model_validate(job.details)
    rendered = render_details(job.id, details, job.waits_for, goal.name if goal else None)
    return JobRsp(
        id=job.id,
        parent_id=job.parent_id,
        created_on=job.created_on,
        last_modified=job.last_modified,
        action=Action(job.action),
        status=Status(job.status),
        job_details={name: JobResult.model_validate(shown) for name, shown in rendered.items()},
        name=job.name,
        description=job.description,
        platform_id=job.platform_id,
        **extras,
    )
