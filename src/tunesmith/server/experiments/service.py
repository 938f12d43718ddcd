"""The rules of experiments."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.server.experiments import repository
from tunesmith.server.experiments.base_listing import find_base_experiment
from tunesmith.server.experiments.bases import entries_of
from tunesmith.server.experiments.fields import seal, set_fields
from tunesmith.server.experiments.inheriting import choose_epochs, continued, inherit
from tunesmith.server.experiments.replies import reply_to
from tunesmith.server.experiments.rules import network_of, schema_of
from tunesmith.server.experiments.schemas import (
    ENCRYPTION_KEY,
    ExperimentListRsp,
    ExperimentReq,
    ExperimentRsp,
    Tags,
)
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.chains import post_again, post_chain
from tunesmith.server.jobs.places import check_holds_results
from tunesmith.server.jobs.removal import remove_jobs
from tunesmith.server.jobs.repository import Kind, Owner, all_of, subsets, unfinished
from tunesmith.server.jobs.schemas import JobReq
from tunesmith.server.jobs.states import Status
from tunesmith.server.kit.access import get_readable, get_writable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import after_commit
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.server.kit.leftovers import remove_folder_later
from tunesmith.server.kit.pagination import Page, fetch_page
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.models.pulls import ensure_pulled, with_pulls
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.servers import server_ids
from tunesmith.server.workspaces.tables import Workspace

_WAITING_OR_RUNNING = (Status.PENDING, Status.RUNNING)


def create_experiment(
    session: Session, caller: Caller, request: ExperimentReq, vault: Vault, settings: Settings, hint: Hint
) -> ExperimentRsp:
    """Begin an experiment, with jobs if the request asks for some, or as another one began.

    Raises:
        BadRequestError: a field could never be used, or a job never run; the message names it and the rule.
        NotFoundError: the caller has no such workspace, or no such experiment to begin like.
    """
    source = None
    if request.retry_experiment_id:
        source = get_writable(session, Experiment, request.retry_experiment_id, caller)
        request = continued(request, source)
    network = network_of(request.network_arch)
    if request.workspace is None:
        raise NotFoundError("Workspace None not found: an experiment needs a workspace for its results")
    workspace = get_readable(session, Workspace, request.workspace, caller)
    check_holds_results(workspace)
    experiment = Experiment(
        org_id=caller.org_id,
        user_id=caller.user_id,
        network_arch=network.arch,
        workspace_id=workspace.id,
        checkpoint_epoch_number={},
        echoed={"encryption_key": ENCRYPTION_KEY},
    )
    set_fields(session, caller, experiment, request, set(ExperimentReq.model_fields))
    if source:
        inherit(experiment, source, request)
    seal(experiment, request, vault)
    session.add(experiment)
    _pull_bases(session, caller, experiment, hint)
    session.flush()
    if source:
        choose_epochs(experiment, source, post_again(session, caller, source, experiment, settings, hint))
    if request.experiment_actions:
        _run(session, caller, experiment, request.experiment_actions, settings, hint)
    return _shown(session, reply_to(experiment, subsets(session, Kind.EXPERIMENT, [experiment.id])))


def get_experiment(session: Session, caller: Caller, experiment_id: UUID) -> ExperimentRsp:
    """One experiment, of the caller's or of the catalogue.

    Raises:
        NotFoundError: the caller may see none of that id.
    """
    if base := find_base_experiment(session, experiment_id):
        return base
    experiment = repository.get_readable(session, experiment_id, caller)
    jobs = subsets(session, Kind.EXPERIMENT, [experiment.id])
    return _shown(session, reply_to(experiment, jobs, with_status=True))


def list_experiments(
    session: Session, caller: Caller, wanted: repository.ExperimentFilter, page: Page
) -> ExperimentListRsp:
    """The experiments that the caller may see."""
    found = fetch_page(
        session, repository.listed(caller, wanted), Experiment, page, repository.count(caller, wanted)
    )
    jobs = subsets(session, Kind.EXPERIMENT, [experiment.id for experiment in found.rows])
    experiments = with_pulls(
        session, [reply_to(experiment, jobs, with_status=True) for experiment in found.rows]
    )
    if found.info is None:
        return ExperimentListRsp(experiments=experiments)
    return ExperimentListRsp(experiments=experiments, pagination_info=found.info)


def get_schema(session: Session, caller: Caller, experiment_id: UUID, action: str) -> dict[str, Any]:
    """The schema of an action's specs.

    Raises:
        NotFoundError: the caller may see no such experiment, or its network has no such action.
    """
    if base := find_base_experiment(session, experiment_id):
        return schema_of(base.network_arch, action, [str(base.id)])
    experiment = repository.get_readable(session, experiment_id, caller)
    return schema_of(experiment.network_arch, action, experiment.base_experiment)


def get_tags(session: Session, caller: Caller) -> Tags:
    """The tags in use, each once: of those that differ in case alone, as it was spelled last."""
    found = {tag.casefold(): tag for tags in repository.tags(session, caller) for tag in tags}
    return Tags(tags=list(found.values()))


def update_experiment(
    session: Session,
    caller: Caller,
    experiment_id: UUID,
    request: ExperimentReq,
    vault: Vault,
    hint: Hint,
) -> ExperimentRsp:
    """Change what the request names, and nothing else.

    Raises:
        BadRequestError: a field cannot be changed, or not to that.
        NotFoundError: the caller owns no experiment of that id.
    """
    experiment = get_writable(session, Experiment, experiment_id, caller)
    _check_unchanged(experiment, request)
    set_fields(session, caller, experiment, request, request.model_fields_set)
    seal(experiment, request, vault)
    if "base_experiment" in request.model_fields_set:
        _pull_bases(session, caller, experiment, hint)
    session.flush()
    return _shown(session, reply_to(experiment, subsets(session, Kind.EXPERIMENT, [experiment.id])))


def delete_experiment(
    session: Session, caller: Caller, experiment_id: UUID, settings: Settings, hint: Hint
) -> ExperimentRsp | None:
    """Forget an experiment and its jobs; None if it is not there (any more).

    Raises:
        BadRequestError: it is public or read only, or a job of it waits or runs.
    """
    try:
        experiment = get_writable(session, Experiment, experiment_id, caller)
    except NotFoundError:
        return None
    owner = Owner(Kind.EXPERIMENT, experiment.id)
    _check_deletable(session, experiment, owner)
    gone = reply_to(experiment, {})
    remove_jobs(session, all_of(session, owner), settings)
    session.delete(experiment)
    remove_folder_later(session, settings, settings.boards_dir / str(experiment_id), server_ids(session))
    after_commit(session, hint.wake)
    return gone


def _shown(session: Session, reply: ExperimentRsp) -> ExperimentRsp:
    return with_pulls(session, [reply])[0]


def _pull_bases(session: Session, caller: Caller, experiment: Experiment, hint: Hint) -> None:
    if bases := entries_of(experiment.base_experiment):
        ensure_pulled(session, caller, [entry.id for entry in bases])
        after_commit(session, hint.wake)


def _run(
    session: Session,
    caller: Caller,
    experiment: Experiment,
    actions: list[JobReq],
    settings: Settings,
    hint: Hint,
) -> None:
    shown = [one.model_dump(mode="json", exclude_unset=True) for one in actions]
    experiment.echoed = experiment.echoed | {"experiment_actions": shown}
    post_chain(session, caller, experiment, actions, settings, hint)


def _check_unchanged(experiment: Experiment, request: ExperimentReq) -> None:
    fixed = {"network_arch": experiment.network_arch, "workspace": experiment.workspace_id}
    for name, value in fixed.items():
        wanted = getattr(request, name)
        if wanted not in {None, value}:
            raise BadRequestError(
                f"{name}: cannot be changed from {value} to {wanted}; create a new experiment"
            )
    unlocked = "read_only" in request.model_fields_set and not request.read_only
    if experiment.read_only and not unlocked:
        raise BadRequestError(
            f'Experiment {experiment.id} is read only; PATCH it with {{"read_only": false}} first'
        )


def _check_deletable(session: Session, experiment: Experiment, owner: Owner) -> None:
    if experiment.public:
        raise BadRequestError('Experiment is Public. Cannot delete; PATCH it with {"public": false} first')
    if experiment.read_only:
        raise BadRequestError(
            'Experiment is read only. Cannot delete; PATCH it with {"read_only": false} first'
        )
    if busy := unfinished(session, owner, _WAITING_OR_RUNNING):
        raise BadRequestError(f"Experiment in use by job {busy.id}, which is {busy.status}: cancel it first")
