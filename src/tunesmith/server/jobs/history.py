"""How a job came to its state."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.server.jobs.reach import visible_job
from tunesmith.server.jobs.repository import Owner
from tunesmith.server.jobs.schemas import JobChange, JobHistoryRsp
from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import JobHistory
from tunesmith.server.kit.caller import Caller
from tunesmith.server.orgs.tables import User


def read_history(session: Session, caller: Caller, owner: Owner, job_id: UUID) -> JobHistoryRsp:
    """All changes of a job's state, the oldest first; the first is that it was posted.

    Raises:
        NotFoundError: the caller may see no such job there.
    """
    job = visible_job(session, caller, owner, job_id)
    poster = session.scalar(select(User.name).where(User.id == job.user_id))
    posted = JobChange(
        at=job.created_on, from_status=None, to_status=Status.PENDING, actor=poster or "", reason="posted"
    )
    rows = session.scalars(
        select(JobHistory).where(JobHistory.job_id == job_id).order_by(JobHistory.at, JobHistory.id)
    )
    return JobHistoryRsp(changes=[posted, *(JobChange.model_validate(row) for row in rows)])
