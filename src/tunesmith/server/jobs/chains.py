"""Posts several jobs of an experiment at once, each following the ones that it needs."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.networks import Network
from tunesmith.server.experiments.rules import action_of, network_of
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.control import again
from tunesmith.server.jobs.parents import makers
from tunesmith.server.jobs.posting import post_experiment_job
from tunesmith.server.jobs.repository import Kind, Owner, jobs_of
from tunesmith.server.jobs.schemas import JobReq
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.hint import Hint
from tunesmith.specs import Action

Posted = dict[UUID, Action]
"""The jobs of a chain so far, the newest last."""


def post_chain(
    session: Session,
    caller: Caller,
    experiment: Experiment,
    requests: Sequence[JobReq],
    settings: Settings,
    hint: Hint,
) -> None:
    """Post jobs in order. One that needs a model follows the nearest before it that makes one.

    Raises:
        BadRequestError: there is none, or a job could never run.
        NotFoundError: the network has no such action.
    """
    network = network_of(experiment.network_arch)
    posted: Posted = {}
    for request in requests:
        parent = request.parent_job_id or _parent(network, request.action, posted)
        whole = request.model_copy(update={"parent_job_id": parent})
        job_id = post_experiment_job(session, caller, experiment, whole, settings, hint)
        posted[job_id] = request.action


def post_again(
    session: Session, caller: Caller, source: Experiment, target: Experiment, settings: Settings, hint: Hint
) -> dict[UUID, UUID]:
    """Post all jobs of one experiment to another. A parent is the new one, where it is among them.

    Returns:
        The new job of each old one.

    Raises:
        BadRequestError: one of them could not run now.
    """
    jobs = jobs_of(Owner(Kind.EXPERIMENT, source.id)).order_by(Job.created_on, Job.id)
    new: dict[UUID, UUID] = {}
    for job in session.scalars(jobs).all():
        parent = new.get(job.parent_id, job.parent_id) if job.parent_id else None
        request = again(job, job.name, parent)
        new[job.id] = post_experiment_job(session, caller, target, request, settings, hint)
    return new


def _parent(network: Network, action: Action, posted: Posted) -> UUID | None:
    fitting = makers(network, action_of(network, action))
    if not fitting:
        return None
    for job_id, made in reversed(posted.items()):
        if made in fitting:
            return job_id
    before = f"after {', '.join(posted.values())}" if posted else "at the beginning"
    raise BadRequestError(
        f"Invalid workflow chaining: experiment_actions has {action} {before}, and {action} needs the model "
        f"of an earlier {' or '.join(fitting)}"
    )
