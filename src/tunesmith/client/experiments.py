"""Experiments: a network with its datasets."""

from typing import Any

from tunesmith.client.models import BaseExperiment, Experiment
from tunesmith.client.session import Session


class Experiments:
    """The experiments of the organisation that the caller may see."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, network_arch: str, *, workspace: str, **fields: Any) -> Experiment:
        """Begin an experiment with a network, e.g. classification_pyt; results go to the workspace."""
        body = {"network_arch": network_arch, "workspace": workspace, **fields}
        return self._read(self._session.call("POST", self._path(), body=body))

    def get(self, experiment_id: str) -> Experiment:
        """One experiment."""
        return self._read(self._session.call("GET", self._path(experiment_id)))

    def update(self, experiment_id: str, **changes: Any) -> Experiment:
        """Change the fields that are named, e.g. `train_datasets=[...]`, `eval_dataset=...`.

        Raises:
            BadRequestError: a dataset does not suit the network or the purpose.
        """
        return self._read(self._session.call("PATCH", self._path(experiment_id), body=changes))

    def delete(self, experiment_id: str) -> None:
        """Forget the experiment and its jobs. Results in the workspace stay."""
        self._session.call("DELETE", self._path(experiment_id))

    def schema(self, experiment_id: str, action: str) -> dict[str, Any]:
        """The JSON Schema of an action's specs, with `default` and what AutoML may search."""
        path = self._path(experiment_id, "specs", action, "schema")
        schema: dict[str, Any] = self._session.call("GET", path)
        return schema

    def default_spec(self, experiment_id: str, action: str) -> dict[str, Any]:
        """The specs of an action with every key at its default: edit them and post them with a job."""
        default: dict[str, Any] = self.schema(experiment_id, action)["default"]
        return default

    def list(self, *, name: str | None = None, network_arch: str | None = None) -> tuple[Experiment, ...]:
        """The caller's own and shared ones, newest first."""
        query = {"name": name, "network_arch": network_arch}
        return tuple(self._read(one) for one in self._session.pages(self._path(), "experiments", query))

    def bases(self, *, network_arch: str | None = None) -> tuple[BaseExperiment, ...]:
        """The published models to start from: give ids of them as `base_experiment=[...]`."""
        pages = self._session.pages(
            self._session.path("experiments", verb="base"), "experiments", {"network_arch": network_arch}
        )
        return tuple(BaseExperiment.model_validate(one) for one in pages)

    def tensorboard(self, experiment_id: str) -> str:
        """A link that opens the experiment's TensorBoard in a browser, for two minutes.

        Raises:
            BadRequestError: it is not switched on: `update(id, tensorboard_enabled=True)`.
        """
        path = self._session.path("experiments", experiment_id, verb="tensorboard")
        return f"{self._session.transport.url}{self._session.call('GET', path)['url']}"

    def _path(self, *parts: str) -> str:
        return self._session.path("experiments", *parts)

    def _read(self, reply: Any) -> Experiment:
        return Experiment.model_validate(reply)
