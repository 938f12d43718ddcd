"""Gathers what a job of an experiment needs, as it is at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.networks import Network
from tunesmith.networks.goals import metric_goal
from tunesmith.server.datasets.pulls import frozen_datasets
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.attaching import Role, misfit, usable_datasets
from tunesmith.server.experiments.bases import entries_of
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.places import location_in
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.specs import Action

TRAINS = (Action.TRAIN, Action.DISTILL, Action.RETRAIN)
"""Actions that train a model."""
_READS: Mapping[Action, tuple[Role, ...]] = {
    Action.EVALUATE: (Role.EVAL, Role.INFERENCE, Role.TRAIN),
    Action.INFERENCE: (Role.INFERENCE, Role.EVAL, Role.TRAIN),
}
"""What an action reads: the first of these that the experiment has, and that has labels if it needs them."""
_LOOKS_AT: Mapping[Action, tuple[tuple[Role, ...], ...]] = {
    Action.EXPORT: ((Role.EVAL, Role.TRAIN),),
    Action.PRUNE: ((Role.EVAL, Role.TRAIN),),
    # What sets the ranges of 8-bit numbers, and what shows their price.
    Action.GEN_TRT_ENGINE: ((Role.CALIBRATION, Role.TRAIN), (Role.EVAL, Role.TRAIN)),
}
"""What an action can use but does without: it neither waits for it nor is refused for it. Of each group it
gets the first that is ready.
"""


def freeze_inputs(
    session: Session, caller: Caller, experiment: Experiment, network: Network, action: Action, folder: str
) -> FrozenInputs:
    """The datasets that the action reads, the place for its results (a folder among them), and its goal.

    Raises:
        BadRequestError: a dataset is missing or cannot be used; the message says what to PATCH.
    """
    workspace = session.get_one(Workspace, experiment.workspace_id)
    choice = _Choice(session, caller, experiment, network)
    frozen = {
        role: frozen_datasets(session, datasets) for role, datasets in choice.for_action(action).items()
    }
    single = {role: found[0] for role, found in frozen.items() if role is not Role.TRAIN}
    return FrozenInputs(
        train_datasets=tuple(frozen.get(Role.TRAIN, ())),
        eval_dataset=single.get(Role.EVAL),
        inference_dataset=single.get(Role.INFERENCE),
        calibration_dataset=single.get(Role.CALIBRATION),
        base_models=_bases(experiment) if action in TRAINS else (),
        workspace=location_in(workspace),
        folder=folder,
        metric=metric_goal(experiment.metric, network),
    )


def _bases(experiment: Experiment) -> tuple[UUID, ...]:
    return tuple(entry.id for entry in entries_of(experiment.base_experiment))


@dataclass(frozen=True)
class _Choice:
    """Chooses among the datasets of an experiment."""

    session: Session
    caller: Caller
    experiment: Experiment
    network: Network

    def for_action(self, action: Action) -> dict[Role, list[Dataset]]:
        """The datasets of a job."""
        attached = [role for role in Role if _attached(self.experiment, role)]
        if action in TRAINS:
            if Role.TRAIN not in attached:
                raise _nothing_to_read(self.experiment, action, Role.TRAIN)
            return {role: self._checked(role) for role in attached if role.needs_labels}
        if action in _READS:
            roles = _READS[action]
            role = next((role for role in roles if role in attached and self._suits(action, role)), None)
            if role is None:
                raise _nothing_to_read(self.experiment, action, roles[0])
            return {role: self._checked(role)}
        chosen: dict[Role, list[Dataset]] = {}
        for group in _LOOKS_AT.get(action, ()):
            ready = (role for role in group if role in attached and self._is_ready(role))
            chosen |= {role: self._usable(role) for role in islice(ready, 1)}
        return chosen

    def _usable(self, role: Role) -> list[Dataset]:
        ids = _attached(self.experiment, role)
        return usable_datasets(self.session, self.caller, self.network, role, ids)

    def _checked(self, role: Role) -> list[Dataset]:
        datasets = self._usable(role)
        for dataset in datasets:
            if dataset.status == PullStatus.INVALID_PULL:
                raise BadRequestError(
                    f"{role}: dataset {dataset.name} ({dataset.id}) is not usable. {dataset.status_reason} "
                    "When it is corrected, PATCH its cloud_file_path to have it pulled again"
                )
        return datasets

    def _suits(self, action: Action, role: Role) -> bool:
        """Predicting needs no labels, so the dataset for that may have none; evaluating does."""
        if action is not Action.EVALUATE or role is not Role.INFERENCE:
            return True
        return all(misfit(self.network, Role.EVAL, dataset) is None for dataset in self._usable(role))

    def _is_ready(self, role: Role) -> bool:
        try:
            datasets = self._usable(role)
        except BadRequestError:
            return False
        return all(dataset.status == PullStatus.PULL_COMPLETE for dataset in datasets)


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
