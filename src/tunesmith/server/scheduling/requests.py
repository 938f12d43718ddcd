"""Turns a job's row into what its worker is told."""

import os
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.networks.catalogue import catalogue
from tunesmith.protocol import JobRequest, ModelInput, ParentInput, Resources, ResultsTarget
from tunesmith.server.datasets.sources import secrets_of
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.checkpoints import choose_files, named_file
from tunesmith.server.jobs.environment import JobEnvironment, job_environment
from tunesmith.server.jobs.freezing import TRAINS
from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.claims import Claim
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.storage.files import Files
from tunesmith.storage.locations import Location, UrlStore

Secrets = dict[str, dict[str, str]]


class Orders(NamedTuple):
    """What a worker is told: the request, the secrets of the stores it names, its experiment's variables."""

    request: JobRequest
    secrets: Secrets
    variables: JobEnvironment


def build_orders(database: Database, vault: Vault, settings: Settings, claim: Claim) -> Orders:
    """What the job's worker is told, as things are now.

    Raises:
        StorageError: the parent's results cannot be listed.
        ServiceError: the parent has no file that the action can use.
    """
    with database.read() as session:
        job = session.get_one(Job, claim.job_id)
        parent = session.get(Job, job.parent_id) if job.parent_id else None
        experiment = session.get(Experiment, job.experiment_id) if job.experiment_id else None
        frozen = FrozenInputs.load(job.inputs)
        came_from = FrozenInputs.load(parent.inputs).workspace if parent else None
        secrets = _secrets(session, vault, frozen, came_from)
    results = frozen.results_of(job.id)
    request = JobRequest(
        job_id=job.id,
        attempt=job.attempt,
        action=job.action,
        network=job.network,
        specs=job.specs,
        train_datasets=tuple(one.as_input(settings.datasets_dir) for one in frozen.train_datasets),
        eval_dataset=frozen.eval_dataset and frozen.eval_dataset.as_input(settings.datasets_dir),
        inference_dataset=frozen.inference_dataset
        and frozen.inference_dataset.as_input(settings.datasets_dir),
        calibration_dataset=frozen.calibration_dataset
        and frozen.calibration_dataset.as_input(settings.datasets_dir),
        base_models=tuple(_model_input(one, settings) for one in frozen.base_models),
        parent=_parent_input(job, parent, experiment, secrets) if parent else None,
        results=ResultsTarget(location=results) if results else None,
        metric=frozen.metric,
        resources=Resources(
            threads=_threads(settings),
            gpus=claim.gpus,
            processes=max(1, claim.demand.gpus) if job.action in TRAINS else 1,
            nodes=claim.demand.nodes if job.action in TRAINS else 1,
        ),
        tensorboard=bool(experiment and experiment.echoed.get("tensorboard_enabled")),
        checkpoint_seconds=settings.checkpoint_seconds,
    )
    private = vault.open(experiment.sealed_private if experiment else None)
    variables = job_environment(private.get("docker_env_vars") or {}, settings.job_variables)
    return Orders(request, secrets, variables)


def _model_input(identity: UUID, settings: Settings) -> ModelInput:
    entry = catalogue().get(identity)
    if entry is None:
        raise ValueError(f"the base experiment {identity} is not in the catalogue of this server")
    return ModelInput(
        id=identity,
        name=entry.ngc_path,
        **entry.source.model_dump(),
        hub=None if settings.offline else settings.hub_url.rstrip("/"),
        folder=settings.models_dir / str(identity),
    )


def _parent_input(
    job: Job, parent: Job, experiment: Experiment | None, secrets: Secrets
) -> ParentInput | None:
    """The parent as the worker is told of it; the job's specs or its experiment choose among its models."""
    location = FrozenInputs.load(parent.inputs).results_of(parent.id)
    if location is None or experiment is None:
        return None
    listing = [info.key for info in Files(location, secrets.get(location.store.id, {})).list()]
    named = named_file(job.action, job.specs, parent.id, listing)
    files = (
        (named,)
        if named
        else choose_files(
            parent.action,
            experiment.checkpoint_choose_method,
            experiment.checkpoint_epoch_number,
            parent.id,
            listing,
        )
    )
    return ParentInput(
        job_id=parent.id, action=parent.action, results=location, specs=parent.specs, files=files
    )


def _secrets(session: Session, vault: Vault, frozen: FrozenInputs, came_from: Location | None) -> Secrets:
    stores = {one.source.store.id for one in frozen.datasets()}
    stores |= {one.store.id for one in (frozen.workspace, came_from) if one}
    rows = session.scalars(select(Workspace).where(Workspace.id.in_([UUID(one) for one in stores])))
    secrets = {str(row.id): vault.open(row.sealed_secrets) for row in rows}
    addresses = [one.id for one in frozen.datasets() if isinstance(one.source.store, UrlStore)]
    for dataset in session.scalars(select(Dataset).where(Dataset.id.in_(addresses))):
        secrets[str(dataset.id)] = secrets_of(vault, dataset)
    return secrets


def _threads(settings: Settings) -> int:
    """The processor's cores, shared by the jobs that may compute at once."""
    if settings.executor == "ray":
        return settings.ray_job_cpus
    return max(1, (os.cpu_count() or 1) // settings.compute_slots)
