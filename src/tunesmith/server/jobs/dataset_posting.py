"""Accepts a job of a dataset, or says everything that is wrong with it."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.networks.dataset_actions import DatasetAction
from tunesmith.server.datasets.pulls import frozen_datasets
from tunesmith.server.datasets.rules import action_on
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.parents import usable_parent
from tunesmith.server.jobs.places import check_holds_results, location_in
from tunesmith.server.jobs.schemas import JobReq
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import after_commit
from tunesmith.server.kit.errors import BadRequestError, SpecsRefusedError
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.servers import fleet
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.specs import SpecError, default_spec, validate_spec
from tunesmith.specs.blocks.results import results_folder
from tunesmith.workers.base import Demand, Slot


def post_dataset_job(
    session: Session, caller: Caller, dataset: Dataset, request: JobReq, settings: Settings, hint: Hint
) -> UUID:
    """Write a job that will run as soon as its parent, its dataset and a slot are ready. Returns its id.

    Raises:
        BadRequestError: the job could never run.
        NotFoundError: datasets of this kind have no such action, or the caller may see no such parent.
    """
    known = action_on(dataset, request.action)
    parent = usable_parent(session, caller, request.parent_job_id) if request.parent_job_id else None
    if dataset.status == PullStatus.INVALID_PULL:
        raise BadRequestError(f"dataset {dataset.name} ({dataset.id}) is not usable. {dataset.status_reason}")
    specs = _specs(known, request.specs)
    demand = _demand(session, request, settings)
    inputs = FrozenInputs(
        train_datasets=tuple(frozen_datasets(session, [dataset])),
        workspace=location_in(_workspace(session, dataset)),
        folder=results_folder(specs, known.action),
    )
    job = Job(
        org_id=dataset.org_id,
        user_id=caller.user_id,
        dataset_id=dataset.id,
        parent_id=parent.id if parent else None,
        action=known.action,
        name=request.name or "",
        description=request.description or "",
        platform_id=request.platform_id,
        specs=specs,
        inputs=inputs.dump(),
        slot=demand.slot,
        memory_mb=demand.memory_mb,
        waits_for="Waits for the scheduler",
    )
    session.add(job)
    session.flush()
    after_commit(session, hint.wake)
    return job.id


def _specs(known: DatasetAction, sent: dict[str, Any] | None) -> dict[str, Any]:
    """The spec that the job runs with, complete with its defaults."""
    if sent is None:
        raise BadRequestError(
            f"specs: are missing; GET specs/{known.action}/schema, edit its default, and post that as specs"
        )
    try:
        spec = validate_spec(known.spec, sent)
    except SpecError as error:
        raise SpecsRefusedError(error) from None
    return spec.model_dump(mode="json", include={*default_spec(known.spec, known.section), *sent})


def _demand(session: Session, request: JobReq, settings: Settings) -> Demand:
    memory = settings.job_memory_gb if request.memory_gb is None else request.memory_gb
    demand = Demand(
        Slot.CPU,
        gpus=0,
        gpu_ids=(),
        memory_mb=round(1024 * memory),
        nodes=1,
        platform=request.platform_id,
    )
    there = fleet(session)
    if not there.fits(demand):
        raise BadRequestError(f"the job can never run here: {there.lack(demand).sentence}")
    return demand


def _workspace(session: Session, dataset: Dataset) -> Workspace:
    """Where the results go."""
    if dataset.workspace_id is None:
        raise BadRequestError(
            f"dataset {dataset.name} ({dataset.id}) comes from a url: there is no workspace for the results. "
            "Put its files into a workspace, and register it from there"
        )
    workspace = session.get_one(Workspace, dataset.workspace_id)
    check_holds_results(workspace)
    return workspace
