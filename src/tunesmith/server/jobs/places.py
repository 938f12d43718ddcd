"""Where the files of datasets and jobs are."""

from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.orm import Session

from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.errors import BadRequestError, NotFoundError
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.storage.errors import InvalidKeyError
from tunesmith.storage.files import Files
from tunesmith.storage.hub_keys import HubPlace
from tunesmith.storage.keys import check_prefix
from tunesmith.storage.locations import HubStore, Location
from tunesmith.storage.patience import PROMPT


def location_in(workspace: Workspace, path: str = "") -> Location:
    """The place at a path of a workspace; slashes at either end do not count.

    Raises:
        BadRequestError: the path leads out of the workspace, or is none.
    """
    try:
        location = Location.model_validate(
            {"store": workspace.store, "prefix": check_prefix(path.strip("/"))}
        )
        if isinstance(location.store, HubStore):
            HubPlace.parse(location.prefix)
    except InvalidKeyError as error:
        raise BadRequestError(f"cloud_file_path: {error}") from None
    return location


def check_holds_results(workspace: Workspace) -> None:
    """Refuse a workspace that an experiment cannot be in.

    Raises:
        BadRequestError: nothing can be written there.
    """
    if Location.model_validate({"store": workspace.store}).store.read_only:
        raise BadRequestError(
            f"workspace: {workspace.name} ({workspace.id}) is of cloud_type {workspace.cloud_type}: it can "
            "only be read. Datasets may come from there; an experiment needs one that holds its results"
        )


def workspace_of(session: Session, vault: Vault, job: Job) -> Files:
    """The workspace that a job's experiment had when it was posted, where its results are.

    Raises:
        NotFoundError: the job has no workspace, or the workspace was deleted.
    """
    location = _frozen(job).workspace
    if location is None:
        raise NotFoundError(f"Job {job.id} has no workspace, and so no result files")
    return _opened(session, vault, job, location)


def results_of(session: Session, vault: Vault, job: Job) -> Files:
    """The results of a job, in the workspace that its experiment had when it was posted.

    Raises:
        NotFoundError: the job has no workspace, or the workspace was deleted.
    """
    location = _frozen(job).results_of(job.id)
    if location is None:
        raise NotFoundError(f"Job {job.id} has no workspace, and so no result files")
    return _opened(session, vault, job, location)


def results_key(job: Job) -> str:
    """The folder of the results of a job, in its workspace.

    Raises:
        NotFoundError: the row of the job is damaged.
    """
    return _frozen(job).results_key(job.id)


def _frozen(job: Job) -> FrozenInputs:
    try:
        return FrozenInputs.load(job.inputs)
    except ValidationError:
        raise NotFoundError(f"The row of job {job.id} is damaged: where its files are is not known") from None


def _opened(session: Session, vault: Vault, job: Job, location: Location) -> Files:
    workspace = session.get(Workspace, UUID(location.store.id))
    if workspace is None:
        raise NotFoundError(f"The workspace {location.store.id} with the results of job {job.id} was deleted")
    return Files(location, vault.open(workspace.sealed_secrets), PROMPT)
