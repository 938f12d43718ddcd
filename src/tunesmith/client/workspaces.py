"""Workspaces: where datasets come from and results go."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.client.models import FoundDatasets, Workspace
from tunesmith.client.session import Session


class Workspaces:
    """The workspaces of the organisation that the caller may see."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self, name: str, cloud_type: str, details: Mapping[str, Any] | None = None, **fields: Any
    ) -> Workspace:
        """Register a store. `details` are the keys that its kind needs, secrets among them.

        For `self_hosted`: `path`, or `endpoint_url`, `access_key`, `secret_key`, `cloud_region` and
        `cloud_bucket_name`. For `aws` the same without `endpoint_url`; for `azure`: `account_name`,
        `access_key` and `cloud_bucket_name`; for `gcp`: `cloud_bucket_name` and `service_account_key`; for
        `huggingface`: `token`.

        Raises:
            BadRequestError: the store cannot be reached or is not allowed.
        """
        body = {
            "name": name,
            "cloud_type": cloud_type,
            "cloud_specific_details": dict(details or {}),
            **fields,
        }
        return self._read(self._session.call("POST", self._path(), body=body))

    def get(self, workspace_id: str) -> Workspace:
        """One workspace."""
        return self._read(self._session.call("GET", self._path(workspace_id)))

    def find_datasets(
        self,
        workspace_id: str,
        *,
        type: str | None = None,  # noqa: A002 - the API's name of the field
        format: str | None = None,  # noqa: A002 - the API's name of the field
        use_for: Sequence[str] = (),
    ) -> FoundDatasets:
        """The folders below `data/` whose files, by their names, make a dataset of what is looked for."""
        wanted = {"dataset_type": type, "dataset_format": format, "dataset_intention": list(use_for)}
        query = {name: value for name, value in wanted.items() if value}
        reply = self._session.call(
            "GET", self._session.path("workspaces", workspace_id, verb="get_datasets"), query=query
        )
        return FoundDatasets.model_validate(reply)

    def update(self, workspace_id: str, **changes: Any) -> Workspace:
        """Change the fields that are named."""
        return self._read(self._session.call("PATCH", self._path(workspace_id), body=changes))

    def delete(self, workspace_id: str) -> None:
        """Forget the workspace. What lies in its storage stays."""
        self._session.call("DELETE", self._path(workspace_id))

    def backup(self, workspace_id: str, file_name: str | None = None) -> dict[str, Any]:
        """Save your datasets, experiments and jobs of the workspace, as a file in its folder `backups`."""
        return self._backups(workspace_id, "backup", file_name)

    def restore(self, workspace_id: str, file_name: str | None = None) -> dict[str, Any]:
        """Bring back what a backup holds and is no longer there; what is there stays as it is."""
        return self._backups(workspace_id, "restore", file_name)

    def _backups(self, workspace_id: str, verb: str, file_name: str | None) -> dict[str, Any]:
        body = {"backup_file_name": file_name} if file_name else {}
        counts: dict[str, Any] = self._session.call("POST", self._path(workspace_id, verb), body=body)
        return counts

    def list(self, *, name: str | None = None) -> tuple[Workspace, ...]:
        """All of them, newest first."""
        entries = self._session.pages(self._path(), "workspaces", {"name": name})
        return tuple(self._read(one) for one in entries)

    def _path(self, *parts: str) -> str:
        return self._session.path("workspaces", *parts)

    def _read(self, reply: Any) -> Workspace:
        return Workspace.model_validate(reply)
