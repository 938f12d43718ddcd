"""Where a dataset comes from: a folder of a workspace, a page of the hub, or one file behind an address."""

from typing import Any

import httpx
from sqlalchemy.orm import Session

from tunesmith.server.datasets.schemas import DatasetReq
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.places import location_in
from tunesmith.server.kit.access import get_readable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.storage.errors import StorageError
from tunesmith.storage.fetching import readable_url
from tunesmith.storage.hub_keys import HubPlace, hub_page
from tunesmith.storage.locations import HubStore, Location, UrlStore
from tunesmith.storage.reach import SETTING, PrivateHosts, refuse_literal

QUERY = "url_query"
"""The name under which the part of an address behind its question mark is sealed: it is often a key."""


def set_source(
    session: Session,
    caller: Caller,
    dataset: Dataset,
    request: DatasetReq,
    vault: Vault,
    settings: Settings,
) -> None:
    """Give the dataset the source that the request names; one kind of source takes the place of the other.

    Raises:
        BadRequestError: it names two sources, or one that can never be read; the message gives the rule.
        NotFoundError: the caller has no such workspace.
    """
    if request.url and request.cloud_file_path:
        raise BadRequestError("url: name either a url, or a workspace with cloud_file_path, not both")
    sent = request.model_fields_set
    if "workspace" in sent:
        dataset.workspace_id = request.workspace
    if "cloud_file_path" in sent:
        dataset.cloud_file_path = request.cloud_file_path
    if "url" in sent:
        _set_url(dataset, request.url, vault, settings)
    if request.url:
        dataset.cloud_file_path = None
    elif request.cloud_file_path:
        _set_url(dataset, None, vault, settings)
    if dataset.workspace_id is not None:
        workspace = get_readable(session, Workspace, dataset.workspace_id, caller)
        if dataset.cloud_file_path is not None:
            location_in(workspace, dataset.cloud_file_path)


def names_source(dataset: Dataset, request: DatasetReq) -> tuple[bool, bool]:
    """Whether the request names another source than the dataset has, and whether it names any."""
    has = {
        "workspace": dataset.workspace_id,
        "cloud_file_path": dataset.cloud_file_path,
        "url": dataset.url,
    }
    sent = {name: getattr(request, name) for name in has if name in request.model_fields_set}
    changed = any(value != has[name] for name, value in sent.items())
    return changed, sent.get("cloud_file_path") is not None or sent.get("url") is not None


def source_of(session: Session, dataset: Dataset, settings: Settings) -> Location | None:
    """The place that the dataset is pulled from; None if it has none.

    Raises:
        BadRequestError: its cloud_file_path is no path within the workspace.
    """
    workspace = session.get(Workspace, dataset.workspace_id) if dataset.workspace_id else None
    if dataset.url:
        return _behind(dataset, dataset.url, workspace, settings)
    if workspace is None or dataset.cloud_file_path is None:
        return None
    return location_in(workspace, dataset.cloud_file_path)


def secrets_of(vault: Vault, dataset: Dataset) -> dict[str, str]:
    """What opens the source of a dataset that is read from an address."""
    query = vault.open(dataset.sealed_private).get(QUERY)
    return {"query": str(query)} if query else {}


def _behind(dataset: Dataset, url: str, workspace: Workspace | None, settings: Settings) -> Location:
    identity = str(dataset.id)
    if page := _page(url, settings):
        hub = HubStore(id=identity, endpoint_url=settings.hub_url.rstrip("/"))
        kept = Location.model_validate({"store": workspace.store}).store if workspace else hub
        return Location(store=kept if isinstance(kept, HubStore) else hub, prefix=page.key)
    store = UrlStore(
        id=identity,
        url=url,
        private_hosts=settings.private_hosts,
        max_bytes=int(settings.max_download_gb * 1e9),
    )
    return Location(store=store)


def _set_url(dataset: Dataset, url: str | None, vault: Vault, settings: Settings) -> None:
    """Keep the address, its query sealed. The address as it is shown, sent again, keeps its query."""
    if url == dataset.url and url is not None:
        return
    private: dict[str, Any] = vault.open(dataset.sealed_private)
    private.pop(QUERY, None)
    dataset.url = None
    if url:
        dataset.url, query = _parts(url, settings)
        private |= {QUERY: query} if query else {}
    dataset.sealed_private = vault.seal(private) if private else None


def _parts(url: str, settings: Settings) -> tuple[str, str]:
    """The address without its query, and the query.

    Raises:
        BadRequestError: nothing can be read from there, or nothing may.
    """
    try:
        address = readable_url(url)
        plain = str(address.copy_with(query=None))
        if _page(plain, settings) is None:
            _check_host(address, PrivateHosts.parse(settings.private_hosts))
    except StorageError as error:
        raise BadRequestError(f"url: {error}") from None
    return plain, address.query.decode("ascii")


def _check_host(address: httpx.URL, hosts: PrivateHosts) -> None:
    """Refuse what a look at the address already forbids; names are looked up when the pull connects."""
    if address.scheme != "https" and not hosts.lists(address.host):
        raise StorageError(
            f"must begin with https://; for plain http, have the server's operator add {address.host} to "
            f"{SETTING}."
        )
    refuse_literal(address.host, hosts)


def _page(url: str, settings: Settings) -> HubPlace | None:
    return hub_page(url, settings.hub_url)
