"""Gathers what a job of an experiment needs, as it is at this moment."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.networks import Network
from tunesmith.server.datasets.pulls import frozen_datasets
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.experiments.attaching import Role, usable_datasets
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.goals import metric_goal
from tunesmith.server.jobs.inputs import FrozenDataset, FrozenInputs
from tunesmith.server.jobs.places import location_in
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.specs import Action

_TRAINS = (Action.TRAIN, Action.DISTILL, Action.RETRAIN)
_PREFERRED: Mapping[Action, tuple[Role, ...]] = {
    Action.EVALUATE: (Role.EVAL, Role.TRAIN),
    Action.INFERENCE: (Role.INFERENCE, Role.EVAL, Role.TRAIN),
    Action.PRUNE: (Role.EVAL, Role.TRAIN),
    Action.GEN_TRT_ENGINE: (Role.CALIBRATION,),
}
"""What an action reads that does not train: the first of these that the experiment has."""

_OPTIONAL = frozenset({Action.EXPORT, Action.PRUNE, Action.GEN_TRT_ENGINE})


def freeze_inputs(
    session: Session, caller: Caller, experiment: Experiment, network: Network, action: Action
) -> FrozenInputs:
    """The datasets that the action reads, the place for its results, and its goal.

    Raises:
        BadRequestError: a dataset is missing or cannot be used; the message says what to PATCH.
    """
    workspace = session.get_one(Workspace, experiment.workspace_id)
    frozen = {
        role: _freeze(session, caller, network, role, ids)
        for role, ids in _datasets_for(experiment, action).items()
    }
    single = {role: found[0] for role, found in frozen.items() if role is not Role.TRAIN}
    return FrozenInputs(
        train_datasets=tuple(frozen.get(Role.TRAIN, ())),
        eval_dataset=single.get(Role.EVAL),
        inference_dataset=single.get(Role.INFERENCE),
        calibration_dataset=single.get(Role.CALIBRATION),
        workspace=location_in(workspace),
        metric=metric_goal(experiment.metric, network),
    )


def _datasets_for(experiment: Experiment, action: Action) -> dict[Role, list[UUID]]:
    attached = {role: ids for role in Role if (ids := _attached(experiment, role))}
    if action in _TRAINS:
        if Role.TRAIN not in attached:
            raise _nothing_to_read(experiment, action, Role.TRAIN)
        return {role: ids for role, ids in attached.items() if role.needs_labels}
    preferred = _PREFERRED.get(action, ())
    chosen = next((role for role in preferred if role in attached), None)
    if chosen is None:
        if action not in _OPTIONAL:
            raise _nothing_to_read(experiment, action, preferred[0])
        return {}
    return {chosen: attached[chosen]}


def _attached(experiment: Experiment, role: Role) -> list[UUID]:
    if role is Role.TRAIN:
        return [UUID(one) for one in experiment.train_datasets]
    found = getattr(experiment, role)
    return [found] if found else []


def _nothing_to_read(experiment: Experiment, action: Action, role: Role) -> BadRequestError:
    value = '["DATASET_ID"]' if role is Role.TRAIN else '"DATASET_ID"'
    return BadRequestError(
        f'{action} needs a dataset: PATCH experiment {experiment.id} with {{"{role}": {value}}} first'
    )


def _freeze(
    session: Session, caller: Caller, network: Network, role: Role, ids: Sequence[UUID]
) -> list[FrozenDataset]:
    datasets = usable_datasets(session, caller, network, role, ids)
    for dataset in datasets:
        if dataset.status == PullStatus.INVALID_PULL:
            raise BadRequestError(
                f"{role}: dataset {dataset.name} ({dataset.id}) is not usable. {dataset.status_reason} "
                "When it is corrected, PATCH its cloud_file_path to have it pulled again"
            )
    return frozen_datasets(session, datasets)
