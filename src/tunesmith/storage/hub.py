"""Reads the datasets of a Hugging Face hub. Importing this takes a third of a second."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, though not marked so
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)

from tunesmith.storage.errors import StorageError, StorageFileMissingError
from tunesmith.storage.hub_client import named
from tunesmith.storage.hub_keys import HubPlace
from tunesmith.storage.locations import HubStore
from tunesmith.storage.patience import Attempts, Patience
from tunesmith.storage.sources import Facts, FileInfo

_KIND = "dataset"


@dataclass(frozen=True)
class _Commit:
    """The state of a dataset that everything is read from, so that a push meanwhile mixes nothing."""

    sha: str
    modified: datetime


class HubSource:
    """The datasets of one hub, read with one token or without."""

    def __init__(self, store: HubStore, secrets: Mapping[str, str], patience: Patience) -> None:
        self._hub = store.endpoint_url.rstrip("/")
        # False, because None would take a token from this machine's environment.
        self._token: str | Literal[False] = secrets.get("token") or False
        self._api = HfApi(endpoint=self._hub, token=self._token)
        self._patience = patience
        self._timeout = httpx2.Timeout(patience.read, connect=patience.connect)
        self._commits: dict[str, _Commit] = {}

    def list(self, prefix: str) -> Iterator[FileInfo]:
        """The files below a folder, in order of their keys."""
        place = HubPlace.parse(prefix)
        commit = self._commit(place)
        with self._named(place):
            try:
                found = list(
                    self._api.list_repo_tree(
                        place.dataset,
                        place.path or None,
                        recursive=True,
                        revision=commit.sha,
                        repo_type=_KIND,
                    )
                )
            except EntryNotFoundError:
                return
        files = sorted((one for one in found if isinstance(one, RepoFile)), key=lambda one: one.path)
        for one in files:
            yield FileInfo(f"{place.root}/{one.path}", one.size, commit.modified, _etag(one))

    def facts(self, key: str) -> Facts:
        """What is known about a file without reading it."""
        place = HubPlace.parse(key)
        commit = self._commit(place)
        with self._named(place):
            found = self._api.get_paths_info(
                place.dataset, [place.path], revision=commit.sha, repo_type=_KIND
            )
        file = next((one for one in found if isinstance(one, RepoFile)), None)
        if file is None:
            raise StorageFileMissingError(
                f"The dataset {place.root} on {self._hub} has no file {place.path}."
            )
        return Facts(file.size, _etag(file), commit.modified)

    def read(self, key: str) -> bytes:
        """The whole file."""
        return b"".join(self.chunks(key, self.facts(key), 0, 1 << 20))

    def chunks(self, key: str, facts: Facts, start: int, chunk_size: int) -> Iterator[bytes]:  # noqa: ARG002
        """The file from byte `start` on; a connection that breaks is taken up again where it broke.

        Chunks are as they arrive, whatever `chunk_size` says.
        """
        place = HubPlace.parse(key)
        url = hf_hub_url(
            place.dataset,
            place.path,
            repo_type=_KIND,
            revision=self._commit(place).sha,
            endpoint=self._hub,
        )
        position, attempts = start, Attempts(self._patience)
        while position < (facts.size or 0):
            try:
                for chunk in self._from(url, position):
                    position += len(chunk)
                    attempts.reset()
                    yield chunk
            except (httpx2.HTTPError, HfHubHTTPError) as error:
                if _is_final(error) or not attempts.wait():
                    with self._named(place):
                        raise

    def probe(self, prefix: str) -> None:  # noqa: ARG002 - the hub is asked as a whole
        """Check that the hub answers and knows the token."""
        path = "/api/whoami-v2" if self._token else "/api/datasets?limit=1"
        with self._named(None):
            hf_raise_for_status(
                get_session().get(f"{self._hub}{path}", headers=self._headers(), timeout=self._timeout)
            )

    def _from(self, url: str, position: int) -> Iterator[bytes]:
        headers = self._headers() | {"Accept-Encoding": "identity"}
        if position:
            headers["Range"] = f"bytes={position}-"
        with get_session().stream("GET", url, headers=headers, timeout=self._timeout) as response:
            hf_raise_for_status(response)
            if position and response.status_code != httpx2.codes.PARTIAL_CONTENT:
                raise StorageError(
                    f"The hub {self._hub} cannot continue a download; remove it and pull again."
                )
            yield from response.iter_raw()

    def _headers(self) -> dict[str, str]:
        return build_hf_headers(token=self._token)

    def _commit(self, place: HubPlace) -> _Commit:
        if place.root not in self._commits:
            with self._named(place):
                info = self._api.dataset_info(
                    place.dataset, revision=place.revision, timeout=self._patience.read
                )
            self._commits[place.root] = _Commit(info.sha or "main", info.last_modified or datetime.now(UTC))
        return self._commits[place.root]

    def _named(self, place: HubPlace | None) -> AbstractContextManager[None]:
        return named(f"dataset {place.root} on {self._hub}" if place else f"hub {self._hub}")


def _etag(file: RepoFile) -> str:
    return file.lfs.sha256 if file.lfs else file.blob_id


def _is_final(error: Exception) -> bool:
    """Whether trying again is of no use."""
    return isinstance(error, HfHubHTTPError) and error.response.status_code < 500
