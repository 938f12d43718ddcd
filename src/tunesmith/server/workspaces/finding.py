"""Finds the folders of a workspace that would make a dataset, by listing alone."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Query

from tunesmith.data.discovery import Wanted, find
from tunesmith.data.layout import Layout
from tunesmith.data.layouts import layouts
from tunesmith.data.types import DatasetFormat, DatasetType, Intent
from tunesmith.server.kit.access import get_readable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import BadRequestError, UnavailableError
from tunesmith.server.kit.queries import from_query
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.workspaces.schemas import DatasetPathsRsp
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files
from tunesmith.storage.locations import HubStore, Location
from tunesmith.storage.patience import Patience

BELOW = "data"
"""The folder of a workspace that is searched, as the API has it."""

PATIENCE = Patience(connect=2, read=8, retries=2, total=10)
"""A person waits, and a page of a large listing takes its time."""

SECONDS = 20.0
"""How long the listing may take. What has been found by then is the answer."""

MOST = 10_000
"""Most folders in one answer."""


@dataclass(frozen=True)
class SearchQuery:
    """What is looked for."""

    dataset_type: Annotated[DatasetType | None, Query(description="All, if left out.")] = None
    dataset_format: Annotated[DatasetFormat | None, Query(description="All, if left out.")] = None
    dataset_intention: Annotated[
        list[Intent] | None, Query(description="What the datasets are to be used for; may be repeated.")
    ] = None


SearchQueryDep = Annotated[SearchQuery, from_query(SearchQuery)]


def find_datasets(
    database: Database,
    vault: Vault,
    caller: Caller,
    workspace_id: UUID,
    wanted: SearchQuery,
    seconds: float = SECONDS,
) -> DatasetPathsRsp:
    """The folders below `data/` whose files, by their names, make a dataset of what is looked for.

    No transaction is open while the store is listed.

    Raises:
        NotFoundError: the caller may see no workspace of that id.
        BadRequestError: there is no such format, or the workspace is a hub, which has no end.
        UnavailableError: the store does not answer.
    """
    chosen = _layouts(wanted)
    with database.read() as session:
        workspace = get_readable(session, Workspace, workspace_id, caller)
    location = Location.model_validate({"store": workspace.store})
    if isinstance(location.store, HubStore):
        raise BadRequestError(
            "A huggingface workspace is the whole hub and cannot be searched: create a dataset with "
            "cloud_file_path OWNER/NAME"
        )
    listing = _Listing(Files(location, vault.open(workspace.sealed_secrets), PATIENCE), seconds)
    paths: list[str] = []
    try:
        for folder in find(listing, Wanted(chosen, wanted.dataset_intention or ())):
            paths.append(f"/{folder}")
            if len(paths) == MOST:
                return DatasetPathsRsp(dataset_paths=sorted(paths), complete=False)
    except StorageError as error:
        raise UnavailableError(str(error)) from None
    return DatasetPathsRsp(dataset_paths=sorted(paths), complete=listing.complete)


class _Listing:
    """The keys of a store, until the time is over."""

    def __init__(self, files: Files, seconds: float) -> None:
        self._files = files
        self._end = time.monotonic() + seconds
        self.complete = True

    def __iter__(self) -> Iterator[str]:
        for info in self._files.list(BELOW):
            if time.monotonic() > self._end:
                self.complete = False
                return
            yield info.key


def _layouts(wanted: SearchQuery) -> Sequence[Layout]:
    found = [
        layout
        for layout in layouts().values()
        if wanted.dataset_type in {None, layout.type} and wanted.dataset_format in {None, layout.format}
    ]
    if not found:
        pairs = ", ".join(f"{kind} {form}" for kind, form in layouts())
        raise BadRequestError(
            f"dataset_format: there is no {wanted.dataset_type or 'type'} with the format "
            f"{wanted.dataset_format}; there are: {pairs}"
        )
    return found
