"""Which job may follow which."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.networks import Network
from tunesmith.server.jobs.repository import Owner, jobs_of
from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.specs import Action

_TRAINED = (Action.TRAIN, Action.RETRAIN)
_RUNNABLE = (*_TRAINED, Action.DISTILL, Action.PRUNE, Action.EXPORT, Action.GEN_TRT_ENGINE)

NEEDS_MODEL_OF: Mapping[Action, tuple[Action, ...]] = {
    Action.EVALUATE: _RUNNABLE,
    Action.INFERENCE: _RUNNABLE,
    Action.EXPORT: (*_TRAINED, Action.DISTILL, Action.PRUNE),
    Action.PRUNE: (*_TRAINED, Action.DISTILL),
    Action.RETRAIN: (Action.PRUNE, Action.TRAIN),
    Action.DISTILL: _TRAINED,
    Action.GEN_TRT_ENGINE: (Action.EXPORT,),
}
"""Actions that can do nothing without a model, and the actions that make one for them."""


def find_parent(
    session: Session, owner: Owner, network: Network, action: Action, parent_id: UUID | None
) -> Job | None:
    """The parent of a new job, which may still be running.

    Raises:
        BadRequestError: the action needs a model, and this parent will have none.
        NotFoundError: the experiment has no such job.
    """
    fitting = tuple(one for one in NEEDS_MODEL_OF.get(action, ()) if one in network.actions)
    if parent_id is None:
        if fitting:
            raise BadRequestError(
                f"parent_job_id: {action} needs the model of another job. {_choice(session, owner, fitting)}"
            )
        return None
    parent = session.scalar(jobs_of(owner).where(Job.id == parent_id))
    if parent is None:
        raise NotFoundError(f"Parent job {parent_id} not found in {owner.kind} {owner.id}")
    if parent.status == Status.ERROR:
        raise BadRequestError(
            f"parent_job_id: job {parent_id} ended in an error; correct what was wrong, post it again and "
            "name the new job"
        )
    if fitting and parent.action not in fitting:
        raise BadRequestError(
            f"parent_job_id: {action} cannot follow {parent.action}. {_choice(session, owner, fitting)}"
        )
    return parent


def _choice(session: Session, owner: Owner, actions: tuple[Action, ...]) -> str:
    query = jobs_of(owner).where(Job.action.in_(actions), Job.status != Status.ERROR)
    newest = session.scalars(query.order_by(Job.created_on.desc()).limit(3)).all()
    found = ", ".join(f"{job.id} ({job.action}, {job.status})" for job in newest)
    kinds = " or ".join(actions)
    if not found:
        return f"This experiment has no job of {kinds} yet: post one first"
    return f"Name a job of {kinds}, e.g. {found}"
