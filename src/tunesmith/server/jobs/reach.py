"""Which jobs a caller may reach: those of the experiments and datasets that the caller may see or owns."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments import repository as experiments
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.repository import Kind, Owner, get_job
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit import access
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import NotFoundError


def visible_job(session: Session, caller: Caller, owner: Owner, job_id: UUID) -> Job:
    """A job that the caller may see.

    Raises:
        NotFoundError: there is none there.
    """
    check_readable(session, caller, owner)
    return get_job(session, owner, job_id)


def own_job(session: Session, caller: Caller, owner: Owner, job_id: UUID) -> Job:
    """A job that the caller may act on: others who want to wait until this transaction ends.

    Raises:
        NotFoundError: there is none there.
    """
    get_owner(session, caller, owner)
    return get_job(session, owner, job_id, lock=True)


def find_visible(session: Session, caller: Caller, job_id: UUID) -> Job | None:
    """A job of whatever experiment or dataset that the caller may see."""
    job = session.scalar(select(Job).where(Job.id == job_id, Job.internal.is_(False)))
    owner = owner_of(job) if job else None
    if owner is None:
        return None
    try:
        check_readable(session, caller, owner)
    except NotFoundError:
        return None
    return job


def owner_of(job: Job) -> Owner | None:
    """What a job belongs to; None once that was deleted."""
    if job.experiment_id:
        return Owner(Kind.EXPERIMENT, job.experiment_id)
    return Owner(Kind.DATASET, job.dataset_id) if job.dataset_id else None


def check_readable(session: Session, caller: Caller, owner: Owner) -> None:
    """Refuse a caller who may not see the experiment or dataset.

    Raises:
        NotFoundError: there is none for this caller.
    """
    if owner.kind is Kind.EXPERIMENT:
        experiments.get_readable(session, owner.id, caller)
    else:
        access.get_readable(session, Dataset, owner.id, caller)


def get_owner(session: Session, caller: Caller, owner: Owner) -> Experiment | Dataset:
    """The caller's own experiment or dataset, to act on its jobs.

    It is not locked: whoever ends a job locks the job first, and its experiment after that.

    Raises:
        NotFoundError: there is none of this caller's.
    """
    if owner.kind is Kind.EXPERIMENT:
        return access.get_writable(session, Experiment, owner.id, caller, lock=False)
    return access.get_writable(session, Dataset, owner.id, caller, lock=False)
