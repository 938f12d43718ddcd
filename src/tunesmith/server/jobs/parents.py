"""Which job may follow which."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.networks import Network
from tunesmith.server.experiments.rules import network_of
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.reach import find_visible
from tunesmith.server.jobs.repository import Kind, Owner, jobs_of
from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.specs import Action

_TRAINED = (Action.TRAIN, Action.RETRAIN)
_RUNNABLE = (*_TRAINED, Action.DISTILL, Action.PRUNE, Action.EXPORT, Action.GEN_TRT_ENGINE)

_NEEDS_MODEL_OF: Mapping[Action, tuple[Action, ...]] = {
    Action.EVALUATE: _RUNNABLE,
    Action.INFERENCE: _RUNNABLE,
    Action.EXPORT: (*_TRAINED, Action.DISTILL, Action.PRUNE),
    Action.PRUNE: (*_TRAINED, Action.DISTILL),
    Action.RETRAIN: (Action.PRUNE, Action.TRAIN),
    Action.DISTILL: _TRAINED,
    Action.GEN_TRT_ENGINE: (Action.EXPORT,),
}
"""Actions that can do nothing without a model, and the actions that make one for them."""


def makers(network: Network, action: Action) -> tuple[Action, ...]:
    """The actions of a network that make the model which this one needs; none if it needs none."""
    return tuple(one for one in _NEEDS_MODEL_OF.get(action, ()) if one in network.actions)


def find_parent(
    session: Session, caller: Caller, experiment: Experiment, action: Action, parent_id: UUID | None
) -> Job | None:
    """The parent of a new job, which may still be running. It may be of another experiment, or of a dataset.

    Raises:
        BadRequestError: the action needs a model, and this parent will have none that fits.
        NotFoundError: the caller may see no such job.
    """
    network = network_of(experiment.network_arch)
    fitting = makers(network, action)
    if parent_id is None:
        if fitting:
            raise BadRequestError(
                f"parent_job_id: {action} needs the model of another job. "
                f"{_choice(session, experiment, fitting)}"
            )
        return None
    parent = usable_parent(session, caller, parent_id)
    if fitting and parent.action not in fitting:
        raise BadRequestError(
            f"parent_job_id: {action} cannot follow {parent.action}. {_choice(session, experiment, fitting)}"
        )
    if fitting and parent.network != network.arch:
        raise BadRequestError(
            f"parent_job_id: the model of job {parent_id} is a {parent.network}, and this experiment's "
            f"network is {network.arch}. {_choice(session, experiment, fitting)}"
        )
    return parent


def usable_parent(session: Session, caller: Caller, parent_id: UUID) -> Job:
    """A job that another one may follow, whatever it did.

    Raises:
        BadRequestError: it ended in an error.
        NotFoundError: the caller may see no such job.
    """
    parent = find_visible(session, caller, parent_id)
    if parent is None:
        raise NotFoundError(f"Parent job {parent_id} not found")
    if parent.status == Status.ERROR:
        raise BadRequestError(
            f"parent_job_id: job {parent_id} ended in an error; correct what was wrong, post it again and "
            "name the new job"
        )
    return parent


def _choice(session: Session, experiment: Experiment, actions: tuple[Action, ...]) -> str:
    query = jobs_of(Owner(Kind.EXPERIMENT, experiment.id))
    fitting = query.where(Job.action.in_(actions), Job.status != Status.ERROR)
    newest = session.scalars(fitting.order_by(Job.created_on.desc()).limit(3)).all()
    found = ", ".join(f"{job.id} ({job.action}, {job.status})" for job in newest)
    kinds = " or ".join(actions)
    if not found:
        return f"This experiment has no job of {kinds} yet: post one first"
    return f"Name a job of {kinds}, e.g. {found}"
