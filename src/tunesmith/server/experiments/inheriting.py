"""An experiment that begins like another one of its owner's."""

from collections.abc import Mapping
from uuid import UUID

from tunesmith.server.experiments.attaching import Role
from tunesmith.server.experiments.schemas import Echoed, ExperimentReq
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.kit.errors import BadRequestError

_COLUMNS = (
    "description",
    "version",
    "base_experiment",
    "checkpoint_choose_method",
    "metric",
    "automl_settings",
    "tags",
    *Role,
)
"""What is taken over unless the request sets it. Who may see it is not."""
_CHOICE = "from_epoch_number_"


def continued(request: ExperimentReq, source: Experiment) -> ExperimentReq:
    """The request, with the source's network, workspace and name where it names none.

    Raises:
        BadRequestError: it names another network, which could not run the jobs.
    """
    if request.network_arch not in {None, source.network_arch}:
        raise BadRequestError(
            f"network_arch: must be that of retry_experiment_id, {source.network_arch}, "
            f"got {request.network_arch}"
        )
    taken: dict[str, object] = {
        "network_arch": source.network_arch,
        "workspace": request.workspace or source.workspace_id,
    }
    if "name" not in request.model_fields_set:
        taken["name"] = f"{source.name[:494]} Retry"
    return request.model_copy(update=taken)


def inherit(experiment: Experiment, source: Experiment, request: ExperimentReq) -> None:
    """Take over what the request does not set."""
    sent = request.model_fields_set
    for name in _COLUMNS:
        if name not in sent:
            setattr(experiment, name, getattr(source, name))
    kept = {name for name in Echoed.model_fields if name not in sent} | {"encryption_key"}
    experiment.echoed = experiment.echoed | {
        name: value for name, value in source.echoed.items() if name in kept
    }
    experiment.sealed_private = source.sealed_private


def choose_epochs(experiment: Experiment, source: Experiment, jobs: Mapping[UUID, UUID]) -> None:
    """Choose the same epochs of the new jobs as were chosen of the old ones."""
    old = source.checkpoint_epoch_number
    chosen = {
        f"{_CHOICE}{new}": old[f"{_CHOICE}{job}"] for job, new in jobs.items() if f"{_CHOICE}{job}" in old
    }
    experiment.checkpoint_epoch_number = experiment.checkpoint_epoch_number | chosen
