"""Puts what a client sent into an experiment's row."""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy.orm import Session

from tunesmith.server.experiments.attaching import Role, usable_datasets
from tunesmith.server.experiments.bases import check_base_experiments
from tunesmith.server.experiments.rules import checked_automl, merged_epochs, network_of, unique_tags
from tunesmith.server.experiments.schemas import ENCRYPTION_KEY, HIDDEN, Echoed, ExperimentReq
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.private import sealed_with
from tunesmith.server.kit.secrets import Vault

_PLAIN = ("name", "description", "version", "shared", "public", "read_only", "checkpoint_choose_method")
_CHECKED: dict[str, Callable[[Any], Any]] = {
    "automl_settings": checked_automl,
    "tags": unique_tags,
    "metric": lambda metric: metric or "kpi",
}


def set_fields(
    session: Session,
    caller: Caller,
    experiment: Experiment,
    request: ExperimentReq,
    names: Collection[str],
) -> None:
    """Take over the fields of these names.

    Raises:
        BadRequestError: a field holds what it must not.
    """
    for name in _PLAIN:
        if name in names:
            setattr(experiment, name, getattr(request, name))
    for name, checked in _CHECKED.items():
        if name in names:
            setattr(experiment, name, checked(getattr(request, name)))
    if "base_experiment" in names:
        experiment.base_experiment = check_base_experiments(request.base_experiment, experiment.network_arch)
    if "checkpoint_epoch_number" in names:
        experiment.checkpoint_epoch_number = merged_epochs(
            experiment.checkpoint_epoch_number, request.checkpoint_epoch_number
        )
    for role in Role:
        if role in names:
            _attach(session, caller, experiment, role, request)
    echoed = request.model_dump(mode="json", include=set(Echoed.model_fields).intersection(names))
    experiment.echoed = experiment.echoed | echoed


def seal(experiment: Experiment, request: ExperimentReq, vault: Vault) -> None:
    """Encrypt what nobody may read."""
    names = {"docker_env_vars"}
    # Clients send back what they have read: that must not become the key.
    if "encryption_key" in request.model_fields_set and request.encryption_key != HIDDEN:
        names.add("encryption_key")
        public = request.encryption_key == ENCRYPTION_KEY
        experiment.echoed = experiment.echoed | {"encryption_key": ENCRYPTION_KEY if public else HIDDEN}
    experiment.sealed_private = sealed_with(vault, experiment.sealed_private, request, names)


def _attach(
    session: Session, caller: Caller, experiment: Experiment, role: Role, request: ExperimentReq
) -> None:
    network = network_of(experiment.network_arch)
    sent = getattr(request, role)
    many = role is Role.TRAIN
    ids = sent if many else [sent] if sent else []
    found = usable_datasets(session, caller, network, role, ids)
    setattr(experiment, role, [str(dataset.id) for dataset in found] if many else sent)
