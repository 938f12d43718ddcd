"""MLflow."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tunesmith.training.engine.sinks.base import About, Ending, Point

_TAG = "tunesmith.job"
_STATUS = {Ending.FINISHED: "FINISHED", Ending.STOPPED: "KILLED", Ending.FAILED: "FAILED"}
_NOT_IN_NAMES = re.compile(r"[^\w\-. :/]")
_PARAMS_AT_ONCE = 100
_LONGEST_PARAM = 500


class MLflowSink:
    """A run with a tag that names the job, by which a job that goes on finds it again."""

    name = "MLflow"

    def __init__(self, about: About, uri: str, experiment: str) -> None:
        self._about = about
        self._uri = uri
        self._experiment = experiment
        self._client: Any = None
        self._run_id = ""

    def open(self) -> None:
        """Begin or continue the run."""
        # It would ask for minutes whether a server that does not answer has come back.
        for name, value in (
            ("MLFLOW_DISABLE_TELEMETRY", "true"),
            ("MLFLOW_HTTP_REQUEST_TIMEOUT", "10"),
            ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
        ):
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri=self._uri)
        experiment = self._experiment_id()
        wanted = f"tags.`{_TAG}` = '{self._about.job_id}'"
        found = self._client.search_runs([experiment], filter_string=wanted, max_results=1)
        if found:
            self._run_id = found[0].info.run_id
            self._client.update_run(self._run_id, status="RUNNING")
        else:
            self._begin(experiment)

    def record(self, point: Point) -> None:
        """Log an epoch."""
        from mlflow.entities import Metric

        moment = int(time.time() * 1000)
        values = {_NOT_IN_NAMES.sub("_", name): value for name, value in point.values.items()}
        metrics = [Metric(name, value, moment, point.epoch) for name, value in values.items()]
        self._client.log_batch(self._run_id, metrics=metrics)

    def close(self, ending: Ending) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self._run_id, status=_STATUS[ending])

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            try:
                made: str = self._client.create_experiment(self._experiment)
            except MlflowException:  # another job has made it a moment ago
                found = self._client.get_experiment_by_name(self._experiment)
                if found is None:
                    raise
            else:
                return made
        identity: str = found.experiment_id
        return identity

    def _begin(self, experiment: str) -> None:
        from mlflow.entities import Param

        name = f"{self._about.network} {self._about.job_id[:8]}"
        run = self._client.create_run(experiment, tags={_TAG: self._about.job_id}, run_name=name)
        self._run_id = run.info.run_id
        params = [Param(key, str(value)[:_LONGEST_PARAM]) for key, value in _flat(self._about.settings)]
        for start in range(0, len(params), _PARAMS_AT_ONCE):
            self._client.log_batch(self._run_id, params=params[start : start + _PARAMS_AT_ONCE])


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
