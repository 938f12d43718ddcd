"""Experiments as clients see them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tunesmith.networks import networks
from tunesmith.server.experiments.schemas import ExperimentRsp, ExperimentType
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.schemas import JobSubset
from tunesmith.server.jobs.states import Status


def reply_to(
    experiment: Experiment, jobs: Mapping[UUID, dict[str, JobSubset]], *, with_status: bool = False
) -> ExperimentRsp:
    """The experiment as clients see it."""
    network = networks().get(experiment.network_arch)
    medical = experiment.network_arch.startswith("monai_")
    shown: dict[str, Any] = {
        name: getattr(experiment, name)
        for name in ExperimentRsp.model_fields
        if name in Experiment.__table__.columns
    }
    shown |= experiment.echoed | {
        "workspace": experiment.workspace_id,
        "dataset_type": network.dataset_type if network else None,
        "dataset_formats": network.formats if network else [],
        "accepted_dataset_intents": network.intents if network else [],
        "actions": network.actions if network else [],
        "type": ExperimentType.MEDICAL if medical else ExperimentType.VISION,
        "realtime_infer_support": False,
        "experiment_actions": experiment.echoed.get("experiment_actions", []),
    }
    if with_status:
        shown["status"] = experiment.status
    if experiment.id in jobs:
        shown["jobs"] = jobs[experiment.id]
    if "all_jobs_cancel_status" in shown and _some_are(Status.CANCELING, jobs.get(experiment.id)):
        shown["all_jobs_cancel_status"] = Status.CANCELING
    return ExperimentRsp.model_validate(shown)


def _some_are(status: Status, jobs: Mapping[str, JobSubset] | None) -> bool:
    return any(job.status is status for job in (jobs or {}).values())
