"""Experiments as clients see them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tunesmith.networks import networks
from tunesmith.server.experiments.schemas import (
    HIDDEN,
    Echoed,
    ExperimentReq,
    ExperimentRsp,
    ExperimentType,
)
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.schemas import JobSubset
from tunesmith.server.jobs.states import Status
from tunesmith.server.kit.wire import shown

_COLUMNS = tuple(name for name in ExperimentRsp.model_fields if name in Experiment.__table__.columns)
_ECHOED = Echoed().model_dump(mode="json") | {"encryption_key": HIDDEN}
_DEFAULTS: dict[str, Any] = {
    **ExperimentReq().model_dump(mode="json"),
    **_ECHOED,
    "automl_settings": {},
    "status": Status.PENDING,
    "all_jobs_cancel_status": None,
}


def reply_to(
    experiment: Experiment,
    jobs: Mapping[UUID, dict[str, JobSubset]],
    *,
    with_status: bool = False,
    strict: bool = False,
) -> ExperimentRsp:
    """The experiment as clients see it. `strict` fails where a stored value is odd.

    Raises:
        ValidationError: a value is odd, if strict.
    """
    network = networks().get(experiment.network_arch)
    medical = experiment.network_arch.startswith("monai_")
    echoed = experiment.echoed if isinstance(experiment.echoed, dict) else {}
    values: dict[str, Any] = {name: getattr(experiment, name) for name in _COLUMNS}
    values |= (
        ({} if strict else _ECHOED)
        | echoed
        | {
            "workspace": experiment.workspace_id,
            "dataset_type": network.dataset_type if network else None,
            "dataset_formats": network.formats if network else [],
            "accepted_dataset_intents": network.intents if network else [],
            "actions": network.actions if network else [],
            "type": ExperimentType.MEDICAL if medical else ExperimentType.VISION,
            "realtime_infer_support": False,
            "experiment_actions": echoed.get("experiment_actions", []),
        }
    )
    if with_status:
        values["status"] = experiment.status
    if experiment.id in jobs:
        values["jobs"] = jobs[experiment.id]
    if "all_jobs_cancel_status" in values and _some_are(Status.CANCELING, jobs.get(experiment.id)):
        values["all_jobs_cancel_status"] = Status.CANCELING
    return shown(ExperimentRsp, values, None if strict else _DEFAULTS)


def _some_are(status: Status, jobs: Mapping[str, JobSubset] | None) -> bool:
    return any(job.status is status for job in (jobs or {}).values())
