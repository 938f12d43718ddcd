"""Which trackers a training reports to, and what is missing for those that it cannot."""

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from tunesmith.specs import Block
from tunesmith.specs.blocks.tf2 import ClearML
from tunesmith.training.engine.board import EVENTS
from tunesmith.training.engine.sinks.background import Background
from tunesmith.training.engine.sinks.base import About, Sink
from tunesmith.training.engine.sinks.clearml import ClearMLSink
from tunesmith.training.engine.sinks.mlflow import MLflowSink
from tunesmith.training.engine.sinks.several import Sinks
from tunesmith.training.engine.sinks.wandb import WandbSink, tracking_path
from tunesmith.training.run import Run

_SECRET_WORDS = ("KEY", "TOKEN", "PASSWORD", "SECRET")
_PRIVATE = ("encryption_key", "wandb")
"""Parts of a spec that are nobody else's business."""


def sinks_for(run: Run, spec: Block) -> Sinks:
    """The trackers of a training, at work from now on. What is missing for one is told once."""
    settings = {name: part for name, part in spec.model_dump(mode="json").items() if name not in _PRIVATE}
    about = About(str(run.request.job_id), run.request.network or "", settings)
    environment = os.environ
    secrets = frozenset(_secrets(environment))
    chosen = (
        _wandb(run, spec, about, environment),
        _clearml(run, spec, about, environment),
        _mlflow(run, about, environment),
    )
    return Sinks([Background(one, run.note, secrets) for one in chosen if one])


def _wandb(run: Run, spec: Block, about: About, environment: Mapping[str, str]) -> Sink | None:
    """Enabled is the default, so a training that sets nothing of it is not told that it has no key."""
    path = tracking_path(spec)
    if path is None or not spec.value(f"{path}.enable"):
        return None
    offline = environment.get("WANDB_MODE") == "offline"
    has_key = bool(environment.get("WANDB_API_KEY")) or offline
    if not has_key and not _is_changed(spec, f"{path}."):
        return None
    if not has_key:
        run.note(
            "Nothing goes to Weights & Biases: there is no WANDB_API_KEY in the experiment's docker_env_vars."
        )
        return None
    if find_spec("wandb") is None:
        run.note(
            "Nothing goes to Weights & Biases: its package is not installed on the server. "
            "Install it: pip install 'tunesmith[wandb]'."
        )
        return None
    # wandb names what it writes by the second, and two attempts may begin in one.
    folder = (run.results if offline else run.scratch) / "wandb" / f"attempt_{run.request.attempt}"
    return WandbSink(about, spec, folder, run.results / EVENTS, environment)


def _clearml(run: Run, spec: Block, about: About, environment: Mapping[str, str]) -> Sink | None:
    settings = getattr(getattr(spec, "train", None), "clearml", None)
    if not isinstance(settings, ClearML):
        return None
    has_key = bool(environment.get("CLEARML_API_ACCESS_KEY"))
    if not has_key and not _is_changed(spec, "train.clearml."):
        return None
    if not has_key:
        run.note(
            "Nothing goes to ClearML: there is no CLEARML_API_ACCESS_KEY in the experiment's docker_env_vars."
        )
        return None
    if find_spec("clearml") is None:
        run.note(
            "Nothing goes to ClearML: its package is not installed on the server. "
            "Install it: pip install 'tunesmith[clearml]'."
        )
        return None
    return ClearMLSink(about, settings, resumed=run.request.attempt > 1)


def _mlflow(run: Run, about: About, environment: Mapping[str, str]) -> Sink | None:
    uri = environment.get("MLFLOW_TRACKING_URI")
    if not uri:
        return None
    if find_spec("mlflow") is None:
        run.note(
            "Nothing goes to MLflow: its package is not installed on the server. "
            "Install it: pip install 'tunesmith[mlflow]'."
        )
        return None
    return MLflowSink(about, uri, environment.get("MLFLOW_EXPERIMENT_NAME") or "tunesmith")


def _is_changed(spec: Block, prefix: str) -> bool:
    untouched = type(spec)()
    names = [path for path, _ in spec.leaves() if path.startswith(prefix)]
    return any(spec.value(path) != untouched.value(path) for path in names)


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if value and any(word in name for word in _SECRET_WORDS):
            yield value
