"""Publishes the model of a job: a copy in a registry that outlives the job, with what is known of it."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import yaml

import tunesmith
from tunesmith.server.jobs.places import workspace_of
from tunesmith.server.jobs.reach import own_job
from tunesmith.server.jobs.repository import Owner
from tunesmith.server.jobs.results import as_service_error
from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Database, now
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.server.kit.holding import held
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.publishing.card import model_card
from tunesmith.server.publishing.choice import open_registry
from tunesmith.server.publishing.registry import README, Edition, Registry, Version
from tunesmith.server.publishing.schemas import PublishModel
from tunesmith.server.publishing.source import Model, Source
from tunesmith.specs import Action

PUBLISHABLE = (
    Action.TRAIN,
    Action.DISTILL,
    Action.PRUNE,
    Action.RETRAIN,
    Action.EXPORT,
    Action.GEN_TRT_ENGINE,
)
"""Actions that make a model."""

_PRIVATE = "encryption_key"


class Publisher:
    """Publishes for one server."""

    def __init__(self, database: Database, settings: Settings, vault: Vault) -> None:
        self._database = database
        self._settings = settings
        self._vault = vault

    def publish(self, caller: Caller, owner: Owner, job_id: UUID, request: PublishModel) -> None:
        """Publish the model of a job that is Done, as its children would use it.

        Raises:
            BadRequestError: the job makes no model, is not Done, or its model is not there.
            NotFoundError: the caller owns no such job there, or the version is published already.
            ConflictError: the version is being published or removed at this moment.
            UnavailableError: the workspace or the registry does not answer.
        """
        with self._database.read() as session:
            job = own_job(session, caller, owner, job_id)
            _check(job)
            source = Source.read(session, job, self._vault)
        with as_service_error():
            registry = open_registry(self._settings, source.workspace)
            model = source.model
            version = _version(registry, source, model, request.display_name)
            edition = _edition(registry, source, model, version, request, caller)
            with self._held(registry, version):
                registry.publish(version, edition)

    def remove(self, caller: Caller, owner: Owner, job_id: UUID, wanted: PublishModel) -> None:
        """Remove what was published of a job: under every name, or under that name, of that team.

        Raises:
            NotFoundError: the caller owns no such job there, or no such thing is published of it.
            ConflictError: one of them is being published or removed at this moment.
            UnavailableError: the workspace or the registry does not answer.
        """
        with self._database.read() as session:
            workspace = workspace_of(session, self._vault, own_job(session, caller, owner, job_id))
        with as_service_error():
            registry = open_registry(self._settings, workspace)
            name = registry.spell(wanted.display_name or "") or None
            versions = [
                one
                for one in registry.versions(job_id, name)
                if not wanted.team_name or _team(registry, one) in {wanted.team_name, None}
            ]
            if not versions:
                team = f" of team {wanted.team_name}" if wanted.team_name else ""
                raise NotFoundError(f"No model{team} is published of job {job_id}")
            for version in versions:
                with self._held(registry, version):
                    registry.remove(version)

    def _held(self, registry: Registry, version: Version) -> AbstractContextManager[None]:
        busy = f"Version {version.label} of {version.name} is being published or removed now: wait for that"
        return held(self._database, registry.place(version), busy)


def _check(job: Job) -> None:
    if job.action not in PUBLISHABLE:
        raise BadRequestError(
            f"Job {job.id} is of {job.action}, which makes no model: publish one of {', '.join(PUBLISHABLE)}"
        )
    if job.status != Status.DONE:
        raise BadRequestError(
            f"Job {job.id} is {job.status}: only the model of a job that is Done is published"
        )


def _version(registry: Registry, source: Source, model: Model, name: str | None) -> Version:
    spelled = registry.spell(name or "") or registry.spell(source.experiment.network_arch)
    return Version(spelled, f"{source.job.action}_{source.job.id}_{model.epoch}")


def _team(registry: Registry, version: Version) -> str | None:
    """The team of a version; None for what is not published."""
    card = registry.card(version)
    return None if card is None else str(card.get("team", ""))


def _edition(
    registry: Registry, source: Source, model: Model, version: Version, request: PublishModel, caller: Caller
) -> Edition:
    title = request.display_name or source.experiment.network_arch
    card = model_card(source, model, title, request.description or "", registry.fetching(version))
    spec = {name: value for name, value in source.job.specs.items() if name != _PRIVATE}
    return Edition(
        source=source.workspace,
        models=model.files,
        documents={
            README: card.encode(),
            "metrics.json": json.dumps(_measurements(source, model), indent=2).encode(),
            "spec.yaml": yaml.safe_dump(spec, sort_keys=False, allow_unicode=True).encode(),
        },
        card={
            "name": title,
            "description": request.description or "",
            "team": request.team_name or "",
            "network_arch": source.experiment.network_arch,
            "action": source.job.action,
            "experiment_id": str(source.experiment.id),
            "job_id": str(source.job.id),
            "epoch": model.epoch,
            "files": list(model.files),
            "metrics": model.metrics,
            "published_by": caller.user_name,
            "published_on": now().isoformat(timespec="seconds"),
            "tunesmith": tunesmith.__version__,
        },
    )


def _measurements(source: Source, model: Model) -> Mapping[str, Any]:
    """What was measured of the model, by its own job and by those that evaluated it, and how it got there."""
    details = source.details
    return {
        "epoch": model.epoch,
        "metrics": model.metrics,
        "categories": details.categories if model.is_best else {},
        "curves": details.curves,
        "evaluations": [
            {"job_id": str(one.job_id), "dataset": one.dataset, "metrics": one.metrics}
            for one in source.evaluations
        ],
    }
