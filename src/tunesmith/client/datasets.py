"""Datasets: files in a workspace that the server pulls and checks."""

from collections.abc import Sequence
from typing import Any

from tunesmith.client.errors import DatasetInvalidError
from tunesmith.client.models import Dataset
from tunesmith.client.session import Session
from tunesmith.client.waiting import states


class Datasets:
    """The datasets of the organisation that the caller may see."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        type: str,  # noqa: A002 - the API's name of the field
        format: str,  # noqa: A002 - the API's name of the field
        *,
        workspace: str | None = None,
        cloud_file_path: str | None = None,
        url: str | None = None,
        use_for: Sequence[str] = (),
        **fields: Any,
    ) -> Dataset:
        """Register a dataset; the server begins to pull it at once.

        It is the folder `cloud_file_path` of a workspace, or what `url` leads to: an archive that holds its
        files, or its page on the Hugging Face hub. `use_for` holds any of training, evaluation, testing.
        """
        places = {"workspace": workspace, "cloud_file_path": cloud_file_path, "url": url}
        body = {
            "type": type,
            "format": format,
            **{name: value for name, value in places.items() if value is not None},
            "use_for": list(use_for),
            **fields,
        }
        return self._read(self._session.call("POST", self._path(), body=body))

    def get(self, dataset_id: str) -> Dataset:
        """One dataset; `status` says whether it is usable, `status_reason` why it is not."""
        return self._read(self._session.call("GET", self._path(dataset_id)))

    def update(self, dataset_id: str, **changes: Any) -> Dataset:
        """Change the fields that are named; another `cloud_file_path` is pulled anew."""
        return self._read(self._session.call("PATCH", self._path(dataset_id), body=changes))

    def delete(self, dataset_id: str) -> None:
        """Forget the dataset. Its files in the workspace stay."""
        self._session.call("DELETE", self._path(dataset_id))

    def wait(self, dataset_id: str, *, timeout: float | None = None, interval: float = 0.5) -> Dataset:
        """The dataset once it is pulled and validated.

        Raises:
            DatasetInvalidError: its files are missing or do not fit its format.
            WaitTimeoutError: `timeout` seconds were not enough.
        """
        what = f"Dataset {dataset_id}"
        for dataset in states(lambda: self.get(dataset_id), what=what, interval=interval, timeout=timeout):
            if dataset.usable:
                return dataset
            if dataset.settled:
                raise DatasetInvalidError(dataset)
        raise AssertionError("states() ends by an exception only")

    def list(
        self,
        *,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's name of the field
        format: str | None = None,  # noqa: A002 - the API's name of the field
    ) -> tuple[Dataset, ...]:
        """All of them, newest first."""
        query = {"name": name, "type": type, "format": format}
        return tuple(self._read(one) for one in self._session.pages(self._path(), "datasets", query))

    def _path(self, *parts: str) -> str:
        return self._session.path("datasets", *parts)

    def _read(self, reply: Any) -> Dataset:
        return Dataset.model_validate(reply)
