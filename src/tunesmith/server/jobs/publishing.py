"""Publishes the model of a job: a copy in the workspace that outlives the job, with a card beside it.

    published/<name>/<action>_<job id>_<epoch>/card.json and the model's files

The card is written last: a version without one is the rest of a copy that failed, and is written over.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

import tunesmith
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.checkpoints import BEST, LATEST, choose_files, epoch_of
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.places import workspace_of
from tunesmith.server.jobs.reach import own_job
from tunesmith.server.jobs.repository import Owner
from tunesmith.server.jobs.results import as_service_error
from tunesmith.server.jobs.schemas import PublishModel
from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Database, now
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.server.kit.secrets import Vault
from tunesmith.specs import Action
from tunesmith.storage.files import Files

PUBLISHABLE = (
    Action.TRAIN,
    Action.DISTILL,
    Action.PRUNE,
    Action.RETRAIN,
    Action.EXPORT,
    Action.GEN_TRT_ENGINE,
)
"""Actions that make a model."""

_FOLDER = "published"
_CARD = "card.json"
_LONGEST_NAME = 100
_ODD = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True)
class _Source:
    """A job whose model can be published, and the workspace that it is in."""

    job: Job
    experiment: Experiment
    workspace: Files

    @property
    def details(self) -> Details:
        return Details.load(self.job.details)

    @property
    def results(self) -> str:
        return f"results/{self.job.id}/"


def publish_model(
    database: Database, caller: Caller, owner: Owner, job_id: UUID, request: PublishModel, vault: Vault
) -> None:
    """Copy the model of a job that is Done, as its children would use it. The store copies by itself.

    Raises:
        BadRequestError: the job makes no model, is not Done, or its model is not there.
        NotFoundError: the caller owns no such job there, or the version is published already.
        UnavailableError: the workspace does not answer.
    """
    with database.read() as session:
        source = _source(session, caller, owner, job_id, vault)
    with as_service_error():
        keys = _model_files(source)
        epoch = _epoch(source, keys[0])
        name = _folder_name(request.display_name) or source.experiment.network_arch
        version = f"{source.job.action}_{source.job.id}_{epoch}"
        place = f"{_FOLDER}/{name}/{version}"
        if source.workspace.exists(f"{place}/{_CARD}"):
            raise NotFoundError(
                f"Version {version} of {name} is published already: remove it first "
                "(DELETE :remove_published_model)"
            )
        for key in keys:
            source.workspace.copy(f"{source.results}{key}", f"{place}/{key}")
        card = _card(source, request, caller, epoch, keys)
        source.workspace.write(f"{place}/{_CARD}", json.dumps(card, indent=2).encode())


def remove_published_model(
    database: Database, caller: Caller, owner: Owner, job_id: UUID, wanted: PublishModel, vault: Vault
) -> None:
    """Remove what was published of a job: under every name, or under that name, of that team.

    Raises:
        NotFoundError: the caller owns no such job there, or no such thing is published of it.
        UnavailableError: the workspace does not answer.
    """
    with database.read() as session:
        workspace = workspace_of(session, vault, own_job(session, caller, owner, job_id))
    with as_service_error():
        places = [one for one in _published(workspace, job_id) if _is_wanted(workspace, one, wanted)]
        if not places:
            team = f" of team {wanted.team_name}" if wanted.team_name else ""
            raise NotFoundError(f"No model{team} is published of job {job_id}")
        for place in places:
            workspace.delete_all(place)


def _source(session: Session, caller: Caller, owner: Owner, job_id: UUID, vault: Vault) -> _Source:
    job = own_job(session, caller, owner, job_id)
    if job.action not in PUBLISHABLE:
        raise BadRequestError(
            f"Job {job_id} is of {job.action}, which makes no model: publish one of {', '.join(PUBLISHABLE)}"
        )
    if job.status != Status.DONE:
        raise BadRequestError(
            f"Job {job_id} is {job.status}: only the model of a job that is Done is published"
        )
    experiment = session.get_one(Experiment, job.experiment_id)
    return _Source(job, experiment, workspace_of(session, vault, job))


def _model_files(source: _Source) -> list[str]:
    """The model that a child would get, and the data file that a large graph has beside it."""
    found = [info.key.removeprefix(source.results) for info in source.workspace.list(source.results)]
    experiment = source.experiment
    keys = choose_files(
        source.job.action,
        experiment.checkpoint_choose_method,
        experiment.checkpoint_epoch_number,
        source.job.id,
        found,
    )
    return [*keys, *(f"{key}.data" for key in keys if f"{key}.data" in found)]


def _epoch(source: _Source, key: str) -> int:
    """The epoch that a checkpoint is of; 0 for a model that was made without epochs."""
    known = {BEST: source.details.best_epoch, LATEST: source.details.latest_epoch}
    return epoch_of(key) or known.get(key) or 0


def _folder_name(text: str | None) -> str:
    """A name as a folder on every kind of store."""
    return _ODD.sub("-", text or "").strip("-.")[:_LONGEST_NAME].rstrip("-.")


def _card(
    source: _Source, request: PublishModel, caller: Caller, epoch: int, keys: list[str]
) -> dict[str, Any]:
    return {
        "name": request.display_name or source.experiment.network_arch,
        "description": request.description or "",
        "team": request.team_name or "",
        "network_arch": source.experiment.network_arch,
        "action": source.job.action,
        "experiment_id": str(source.experiment.id),
        "job_id": str(source.job.id),
        "epoch": epoch,
        "files": keys,
        "metrics": source.details.results,
        "published_by": caller.user_name,
        "published_on": now().isoformat(timespec="seconds"),
        "tunesmith": tunesmith.__version__,
    }


def _published(workspace: Files, job_id: UUID) -> list[str]:
    """The folders of the versions of a job, each once."""
    parts = (info.key.split("/") for info in workspace.list(_FOLDER))
    found = ("/".join(one[:3]) for one in parts if len(one) > 3 and f"_{job_id}_" in one[2])
    return list(dict.fromkeys(found))


def _is_wanted(workspace: Files, place: str, wanted: PublishModel) -> bool:
    if wanted.display_name and place.split("/")[1] != _folder_name(wanted.display_name):
        return False
    if not wanted.team_name or not workspace.exists(f"{place}/{_CARD}"):
        return True
    card = json.loads(workspace.read(f"{place}/{_CARD}"))
    return bool(card.get("team") == wanted.team_name)
