"""Accepts a job, or says everything that is wrong with it before it waits for a slot."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.networks import Network
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.bases import check_agreement, defaults_of
from tunesmith.server.experiments.rules import action_of, network_of
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.dataset_posting import post_dataset_job
from tunesmith.server.jobs.freezing import TRAINS, freeze_inputs
from tunesmith.server.jobs.parents import find_parent
from tunesmith.server.jobs.repository import Kind, Owner
from tunesmith.server.jobs.schemas import JobReq
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit import access
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import after_commit
from tunesmith.server.kit.errors import BadRequestError, SpecsRefusedError
from tunesmith.server.kit.settings import Settings
from tunesmith.server.models.pulls import ensure_pulled
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.resources import Fleet
from tunesmith.server.scheduling.servers import fleet
from tunesmith.specs import Action, Block, SpecError, default_spec, validate_spec
from tunesmith.specs.blocks.actions import EngineFiles
from tunesmith.specs.blocks.results import results_folder
from tunesmith.specs.paths import with_defaults
from tunesmith.workers.base import Demand, Slot

_RUN_WITHOUT_SPECS = frozenset(
    {Action.EVALUATE, Action.RETRAIN, Action.EXPORT, Action.GEN_TRT_ENGINE, Action.INFERENCE}
)
_ANY_GPU = (0,)
"""The published default of gpu_ids, which clients send back: it asks for no certain one."""


def post_job(
    session: Session, caller: Caller, owner: Owner, request: JobReq, settings: Settings, hint: Hint
) -> UUID:
    """Accept a job. Returns its id.

    Raises:
        BadRequestError: it could never run; the message says why and what to do.
        NotFoundError: there is no such experiment or dataset, action or parent.
    """
    if owner.kind is Kind.EXPERIMENT:
        experiment = access.get_writable(session, Experiment, owner.id, caller)
        return post_experiment_job(session, caller, experiment, request, settings, hint)
    dataset = access.get_writable(session, Dataset, owner.id, caller)
    return post_dataset_job(session, caller, dataset, request, settings, hint)


def post_experiment_job(
    session: Session, caller: Caller, experiment: Experiment, request: JobReq, settings: Settings, hint: Hint
) -> UUID:
    """Write a job that will run as soon as its parent, its datasets and a slot are ready. Returns its id.

    Raises:
        BadRequestError: the job could never run; the message says why and what to do.
        NotFoundError: the network has no such action, or the caller may see no such parent.
    """
    network = network_of(experiment.network_arch)
    action = action_of(network, request.action)
    _check_experiment(experiment, action)
    parent = find_parent(session, caller, experiment, action, request.parent_job_id)
    spec, specs = _specs(network, action, request.specs, experiment.base_experiment)
    demand = _demand(spec, action, request, settings, fleet(session))
    inputs = freeze_inputs(session, caller, experiment, network, action, results_folder(specs, action))
    job = Job(
        org_id=experiment.org_id,
        user_id=caller.user_id,
        experiment_id=experiment.id,
        parent_id=parent.id if parent else None,
        action=action,
        network=network.arch,
        name=request.name or "",
        description=request.description or "",
        platform_id=request.platform_id,
        specs=specs,
        inputs=inputs.dump(),
        slot=demand.slot,
        gpus=demand.gpus,
        gpu_ids=list(demand.gpu_ids),
        memory_mb=demand.memory_mb,
        nodes=demand.nodes,
        waits_for="Waits for the scheduler",
    )
    session.add(job)
    ensure_pulled(session, caller, inputs.base_models)
    session.flush()
    after_commit(session, hint.wake)
    return job.id


def _check_experiment(experiment: Experiment, action: Action) -> None:
    if experiment.read_only:
        raise BadRequestError(
            f'Experiment {experiment.id} is read only; PATCH it with {{"read_only": false}} first'
        )
    if action is Action.TRAIN and experiment.automl_settings.get("automl_enabled"):
        raise BadRequestError(
            "AutoML is not available on this server: PATCH the experiment with "
            '{"automl_settings": {"automl_enabled": false}} to train once with the specs as they are'
        )


def _specs(
    network: Network, action: Action, sent: dict[str, Any] | None, bases: Sequence[str]
) -> tuple[Block, dict[str, Any]]:
    """The spec that the job runs with: as a model, and as it is stored, complete with its defaults.

    What is left out takes the value that suits the base experiments.
    """
    if sent is None and action not in _RUN_WITHOUT_SPECS:
        raise BadRequestError(
            f"specs: are missing; GET specs/{action}/schema, edit its default, and post that as specs"
        )
    given = with_defaults(sent or {}, defaults_of(bases))
    try:
        spec = validate_spec(network.spec, given)
    except SpecError as error:
        raise SpecsRefusedError(error) from None
    names = {*default_spec(network.spec, action), *given}
    stored = spec.model_dump(mode="json", include=names)
    if action in TRAINS:
        check_agreement(bases, stored)
    return spec, stored


def _demand(spec: Block, action: Action, request: JobReq, settings: Settings, there: Fleet) -> Demand:
    """What the job will occupy. Where there are no GPUs, a processor does for one.

    Raises:
        BadRequestError: no server will ever have that.
    """
    name = Action.TRAIN if action in TRAINS else action  # other trainings take their devices from there
    section = getattr(spec, name, None)
    asks = spec if hasattr(spec, "num_gpus") else section
    wanted, ids = gpus_asked_for(asks, there)
    on_gpus = wanted is not None and (there.most_gpus > 0 or wanted > 1)
    memory = settings.job_memory_gb if request.memory_gb is None else request.memory_gb
    demand = Demand(
        Slot.GPU if on_gpus else Slot.CPU,
        gpus=wanted if on_gpus and wanted else 0,
        gpu_ids=ids if on_gpus and ids != _ANY_GPU else (),
        memory_mb=round(1024 * memory),
        nodes=getattr(section, "num_nodes", None) or 1,
        platform=request.platform_id,
    )
    if not there.fits(demand):
        lack = there.lack(demand)
        at = "specs: " if asks is spec else f"specs: {name}."
        fields = {
            "gpus": f"{at}num_gpus: ",
            "gpu_ids": f"{at}{'gpu_id' if hasattr(asks, 'gpu_id') else 'gpu_ids'}: ",
            "nodes": f"specs: {name}.num_nodes: ",
            "platform": "platform_id: ",
            "memory": "memory_gb: ",
        }
        raise BadRequestError(f"{fields.get(lack.what, '')}the job can never run here: {lack.sentence}")
    return demand


def gpus_asked_for(asks: Block | None, there: Fleet) -> tuple[int | None, tuple[int, ...]]:
    """How many GPUs a section asks for, None if it needs none, and which.

    An engine of TensorRT is built on the GPU that is to run it; where there is no GPU, it is another engine.
    """
    if isinstance(asks, EngineFiles):
        on_gpu = there.most_gpus > 0 and asks.runtime in {"auto", "tensorrt"}
        return (1, (asks.gpu_id,)) if on_gpu else (None, ())
    processes = getattr(asks, "num_processes", -1)  # a key of the older dialect: one for each GPU
    wanted = processes if processes > 0 else getattr(asks, "num_gpus", None)
    return wanted, tuple(getattr(asks, "gpu_ids", None) or ())
