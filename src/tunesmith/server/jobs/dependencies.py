"""What endpoints of jobs ask for: written once, for those below experiments and those below datasets."""

from typing import Annotated

from fastapi import Depends, Header, Path, Request

from tunesmith.server.auth.service import Reader
from tunesmith.server.jobs import service
from tunesmith.server.jobs.followers import Followers
from tunesmith.server.jobs.following import Follow
from tunesmith.server.jobs.logs import LogPlace
from tunesmith.server.jobs.repository import Kind, Owner
from tunesmith.server.jobs.results import Results
from tunesmith.server.jobs.server_events import EVENT_STREAM
from tunesmith.server.kit.dependencies import (
    BearerDep,
    CallerDep,
    DatabaseDep,
    OrgName,
    ReadSession,
    SettingsDep,
    SignerDep,
    VaultDep,
)
from tunesmith.server.kit.ids import PathId, parse_id
from tunesmith.server.kit.installation import installation_id

OwnerId = Annotated[str, Path(max_length=36, json_schema_extra={"format": "uuid"})]


def owner_id(request: Request) -> tuple[Kind, str]:
    """The path names an experiment or a dataset: that is all that tells the two apart."""
    for kind in Kind:
        if found := request.path_params.get(f"{kind}_id"):
            return kind, found
    raise AssertionError("jobs are served below experiments and datasets alone")


OwnerIdDep = Annotated[tuple[Kind, str], Depends(owner_id)]


def _owner(found: OwnerIdDep) -> Owner:
    kind, identity = found
    return Owner(kind, parse_id(identity))


OwnerDep = Annotated[Owner, Depends(_owner)]


def _reader(org_name: OrgName, signer: SignerDep, bearer: BearerDep) -> Reader:
    return Reader(signer, bearer.credentials if bearer else "", org_name)


ReaderDep = Annotated[Reader, Depends(_reader)]
"""Whoever reads for so long that the right to it must be looked at again."""


def _log_place(database: DatabaseDep, settings: SettingsDep) -> LogPlace:
    return LogPlace(database, settings.jobs_dir, installation_id(settings))


LogPlaceDep = Annotated[LogPlace, Depends(_log_place)]


def _log(
    request: Request,
    owner: OwnerDep,
    job_id: PathId,
    place: LogPlaceDep,
    reader: ReaderDep,
    last_event_id: Annotated[
        int, Header(ge=0, le=2**63 - 1, description="Where to go on following: the id of the last event.")
    ] = 0,
) -> Follow | LogPlace:
    if EVENT_STREAM not in request.headers.get("accept", ""):
        return place
    followers: Followers = request.app.state.followers
    return Follow(followers, place, owner, job_id, reader, last_event_id)


LogDep = Annotated[Follow | LogPlace, Depends(_log)]
"""Following the log of the job, if the request asks for events; else where it is."""


def _results(
    caller: CallerDep, owner: OwnerDep, job_id: PathId, session: ReadSession, vault: VaultDep
) -> Results:
    return service.get_results(session, caller, owner, job_id, vault)


ResultsDep = Annotated[Results, Depends(_results)]
"""The result files of a job that the caller may see."""
