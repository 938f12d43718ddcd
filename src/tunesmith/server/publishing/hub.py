"""The registry on a Hugging Face hub, or whatever speaks its protocol.

A model is a repository <namespace>/<name>, and each version a branch of it with one commit: so a version
appears at once and whole, and goes away with its branch. The main branch only says so. Importing this takes a
third of a second.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo, RepoFile
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, though not marked so
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)

from tunesmith.server.kit.errors import BadRequestError, ConflictError
from tunesmith.server.publishing.card import TAG
from tunesmith.server.publishing.registry import CARD, README, AlreadyPublishedError, Edition, Version
from tunesmith.server.publishing.uploads import Upload, uploads_of
from tunesmith.storage.errors import StorageError
from tunesmith.storage.hub_client import named

_LONGEST = 96
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")
_TWICE = re.compile(r"([-.])[-.]+")
_MADE_BY_THE_HUB = {".gitattributes"}
_MAIN = """---
tags:
- {tag}
---

# {name}

Published by tunesmith. Each version is a branch of its own, called `<action>_<job id>_<epoch>`:

```
hf download {repo} --revision VERSION
```
"""


class HubRegistry:
    """The registry in one namespace of a hub."""

    def __init__(self, endpoint: str, namespace: str, token: str, *, private: bool = True) -> None:
        self._hub = endpoint.rstrip("/")
        self._namespace = namespace
        self._token = token
        self._private = private
        self._api = HfApi(endpoint=self._hub, token=token)

    def spell(self, name: str) -> str:
        """A name as the hub takes it: it has no two signs in a row, and `.git` is no end."""
        bare = _TWICE.sub(r"\1", _ODD.sub("-", name))[: _LONGEST - len(self._namespace) - 1].strip("-.")
        while bare.endswith(".git"):
            bare = bare.removesuffix(".git").rstrip("-.")
        return bare

    def place(self, version: Version) -> str:
        """The branch, with its hub."""
        return f"{self._hub}/{self._repo(version)}/tree/{version.label}"

    def fetching(self, version: Version) -> str:
        """The command that downloads the version."""
        command = f"hf download {self._repo(version)} --revision {version.label} --local-dir {version.name}"
        return f"`{command}` fetches the files."

    def card(self, version: Version) -> Mapping[str, Any] | None:
        """The facts of a version; None if it is not published. Those of a damaged card are not known."""
        repo = self._repo(version)
        url = hf_hub_url(repo, CARD, revision=version.label, endpoint=self._hub)
        with self._named(repo):
            try:
                response = get_session().get(url, headers=build_hf_headers(token=self._token))
                hf_raise_for_status(response)
            except (EntryNotFoundError, RevisionNotFoundError, RepositoryNotFoundError):
                return None
        try:
            card = response.json()
        except ValueError:
            return {}
        return card if isinstance(card, dict) else {}

    def publish(self, version: Version, edition: Edition) -> None:
        """Keep a version, by one commit that the hub takes only if nobody else was there before.

        The files go through this machine, a chunk at a time. Then the hub is asked for their sums.
        """
        repo = self._repo(version)
        with self._named(repo):
            self._have_repo(repo, version)
            head = self._branch(repo, version)
            if self.card(version) is not None:
                raise AlreadyPublishedError(version)
            uploads = uploads_of(edition)
            commit = self._api.create_commit(
                repo,
                [one.operation for one in uploads],
                commit_message=f"Publish {version.label}",
                revision=version.label,
                parent_commit=head,
            )
            if not self._holds(repo, commit.oid, uploads):
                self._api.delete_branch(repo, branch=version.label)
                raise StorageError(
                    f"The model {repo} on {self._hub} has other bytes than it was given: nothing is "
                    "published. Try again."
                )

    def versions(self, job_id: UUID, name: str | None = None) -> list[Version]:
        """The branches of a job's versions, in the repositories that this service has made."""
        if name:
            repos = [f"{self._namespace}/{name}"]
        else:
            with named(f"hub {self._hub}"):
                self._api.whoami()  # the listing would be tried again and again where nobody answers
                repos = [one.id for one in self._api.list_models(author=self._namespace, filter=TAG)]
        found = (Version(repo.partition("/")[2], branch) for repo in repos for branch in self._branches(repo))
        return [version for version in found if version.is_of(job_id)]

    def remove(self, version: Version) -> None:
        """Remove the branch. The repository stays, with whatever else people have there."""
        repo = self._repo(version)
        with self._named(repo), suppress(RevisionNotFoundError, RepositoryNotFoundError):
            self._api.delete_branch(repo, branch=version.label)

    def _have_repo(self, repo: str, version: Version) -> None:
        """See to it that there is a repository of ours.

        Raises:
            BadRequestError: there is one that somebody else made something in.
        """
        try:
            info = self._api.model_info(repo)
        except RepositoryNotFoundError:
            self._api.create_repo(repo, private=self._private, exist_ok=True)
            info = self._api.model_info(repo)
        if TAG in (info.tags or []):
            return
        if _names(info) - _MADE_BY_THE_HUB:
            raise BadRequestError(
                f"The repository {repo} on {self._hub} was not made by this service, which leaves it alone: "
                "choose another display_name"
            )
        text = _MAIN.format(tag=TAG, name=version.name, repo=repo)
        with self._unless_done_by_others():
            self._api.create_commit(
                repo,
                [CommitOperationAdd(README, text.encode())],
                commit_message="Say what this is",
                parent_commit=info.sha,
            )

    def _branch(self, repo: str, version: Version) -> str:
        """The newest commit of the version's branch, which is made if it is not there."""
        branches = self._branches(repo)
        if version.label not in branches:
            with self._unless_done_by_others():
                self._api.create_branch(repo, branch=version.label)
            branches = self._branches(repo)
        return branches[version.label]

    def _branches(self, repo: str) -> dict[str, str]:
        """The newest commit of each branch; none where there is no repository."""
        with self._named(repo):
            try:
                refs = self._api.list_repo_refs(repo)
            except RepositoryNotFoundError:
                return {}
        return {ref.name: ref.target_commit for ref in refs.branches}

    def _holds(self, repo: str, commit: str, uploads: list[Upload]) -> bool:
        """Whether each file of a commit is what was sent."""
        paths = [one.name for one in uploads]
        found = self._api.get_paths_info(repo, paths, revision=commit)
        there = {one.path: one for one in found if isinstance(one, RepoFile)}
        return all(one.name in there and one.is_at(there[one.name]) for one in uploads)

    def _repo(self, version: Version) -> str:
        return f"{self._namespace}/{version.name}"

    @contextmanager
    def _unless_done_by_others(self) -> Iterator[None]:
        try:
            yield
        except HfHubHTTPError as error:
            if error.response.status_code not in {httpx2.codes.CONFLICT, httpx2.codes.PRECONDITION_FAILED}:
                raise

    @contextmanager
    def _named(self, repo: str) -> Iterator[None]:
        with named(f"model {repo} on {self._hub}"):
            try:
                yield
            except HfHubHTTPError as error:
                if error.response.status_code == httpx2.codes.PRECONDITION_FAILED:
                    raise ConflictError(
                        f"Somebody else has changed the model {repo} on {self._hub} meanwhile: try again"
                    ) from None
                raise
            except RuntimeError as error:  # the library's, around whatever befell an upload
                if error.__cause__ is None:
                    raise
                raise error.__cause__ from None


def _names(info: ModelInfo) -> set[str]:
    return {one.rfilename for one in info.siblings or []}
