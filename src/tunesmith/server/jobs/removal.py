"""Takes jobs away, with what they keep on this machine. Results in workspaces stay: they are the user's."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.protocol import Cause
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.states import ACTIVE, TERMINAL, WAITING, Status, transition
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.leftovers import remove_folder_later
from tunesmith.server.kit.settings import Settings


def remove_jobs(session: Session, jobs: Iterable[Job], settings: Settings) -> None:
    """Remove jobs.

    A job whose worker is still at work is stopped and belongs to nobody from now on. Its row is needed
    until the worker has gone; the next removal of any job takes it along.

    Children that have not begun end with them: without its parent's model a job would be another one.
    """
    for job in [*jobs, *_ended_strays(session)]:
        if job.status in ACTIVE:
            if job.status in {Status.RUNNING, Status.PAUSING}:
                transition(session, job.id, Status.CANCELING, "what it belongs to was deleted")
            job.experiment_id = job.dataset_id = None
        else:
            _end_children(session, job)
            session.delete(job)
            remove_folder_later(session, settings, settings.jobs_dir / str(job.id), job.log_offsets)
    session.flush()


def _end_children(session: Session, parent: Job) -> None:
    unbegun = Job.status.in_((*WAITING, Status.PAUSED)), Job.started_on.is_(None)
    for child in session.scalars(select(Job).where(Job.parent_id == parent.id, *unbegun)):
        failure = Details.of_failure(Cause.PARENT, f"The parent job {parent.id} was deleted.")
        child.details = failure.model_dump(mode="json")
        paused = child.status == Status.PAUSED
        transition(session, child.id, Status.CANCELED if paused else Status.ERROR, failure.message)


def _ended_strays(session: Session) -> Iterable[Job]:
    stray = (Job.experiment_id.is_(None), Job.dataset_id.is_(None), Job.status.in_(TERMINAL))
    return session.scalars(select(Job).where(*stray))
