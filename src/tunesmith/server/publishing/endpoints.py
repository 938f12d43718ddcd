"""Endpoints that publish models."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from tunesmith.server.jobs.dependencies import OwnerDep
from tunesmith.server.jobs.schemas import Told
from tunesmith.server.kit.dependencies import CallerDep, DatabaseDep, SettingsDep, VaultDep
from tunesmith.server.kit.disk import require_room
from tunesmith.server.kit.ids import PathId
from tunesmith.server.publishing.schemas import PublishModel
from tunesmith.server.publishing.service import Publisher

of_experiments = APIRouter()


async def _publisher(database: DatabaseDep, settings: SettingsDep, vault: VaultDep) -> Publisher:
    return Publisher(database, settings, vault)


PublisherDep = Annotated[Publisher, Depends(_publisher)]


@of_experiments.post("/jobs/{job_id}:publish_model")
def publish_model(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    settings: SettingsDep,
    publisher: PublisherDep,
    request: PublishModel,
) -> Told:
    """Copy the model of a job to the registry, with a model card, its metrics, its spec and checksums."""
    require_room(settings)
    publisher.publish(caller, owner, job_id, request)
    return Told(message="Published model into requested org")


@of_experiments.delete("/jobs/{job_id}:remove_published_model")
def remove_published_model(
    caller: CallerDep,
    owner: OwnerDep,
    job_id: PathId,
    publisher: PublisherDep,
    team_name: Annotated[str | None, Query(max_length=500, description="Only what this team has.")] = None,
    request: PublishModel | None = None,
) -> Told:
    """Remove from the registry what was published of a job."""
    wanted = request or PublishModel()
    if team_name:
        wanted = wanted.model_copy(update={"team_name": team_name})
    publisher.remove(caller, owner, job_id, wanted)
    return Told(message="Removed model")
