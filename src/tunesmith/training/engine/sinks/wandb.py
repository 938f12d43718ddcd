"""Weights & Biases."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tunesmith
from tunesmith.specs import Block
from tunesmith.training.engine.sinks.base import About, Ending, Point

_KEYS = {"project": "WANDB_PROJECT", "entity": "WANDB_ENTITY", "name": "WANDB_NAME", "tags": "WANDB_TAGS"}
"""Keys of the spec, and the variables that hold where a key has its default."""


def tracking_path(spec: Block) -> str | None:
    """Where a spec has its section for Weights & Biases; None if it has none."""
    if "wandb" in type(spec).model_fields:
        return "wandb"
    return "train.wandb" if hasattr(getattr(spec, "train", None), "wandb") else None


class WandbSink:
    """A run with the id of the job, so that a job which goes on continues it.

    With WANDB_MODE=offline it writes to the results, from where `wandb sync` sends it.

    Args:
        about: the training.
        spec: of the training; its section says what else than the curves goes there.
        folder: where to write.
        events: the folder of the training's TensorBoard files.
        environment: of the process.
    """

    name = "Weights & Biases"

    def __init__(
        self, about: About, spec: Block, folder: Path, events: Path, environment: Mapping[str, str]
    ) -> None:
        self._about = about
        self._folder, self._events = folder, events
        self._tracking = spec.value(tracking_path(spec) or "wandb")
        self._given = _given(spec, environment)
        self._run: Any = None

    def open(self) -> None:
        """Begin or continue the run."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            id=self._about.job_id,
            resume="allow",
            dir=self._folder,
            config={"network": self._about.network, **self._about.settings},
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_git=True,
                disable_code=True,
                x_disable_meta=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
                symlink=False,
                stop_fn=lambda: None,  # jobs are stopped where they were posted
            ),
            **self._given,
        )
        self._run.define_metric("*", step_metric="epoch")
        if self._tracking.save_code:
            self._run.log_code(root=str(Path(tunesmith.__file__).parent), name="tunesmith")

    def record(self, point: Point) -> None:
        """Log an epoch. One that is trained again after a crash is logged again."""
        self._run.log({"epoch": point.epoch, **point.values})

    def close(self, ending: Ending) -> None:
        """Finish the run; a job that goes on later takes it up again."""
        if self._tracking.sync_tensorboard:
            self._run.save(f"{self._events}/*", base_path=str(self._events.parent), policy="now")
        self._run.finish(exit_code=1 if ending is Ending.FAILED else 0)


def _given(spec: Block, environment: Mapping[str, str]) -> dict[str, Any]:
    tracking = spec.value(tracking_path(spec) or "wandb")
    untouched = type(tracking)()
    values = {key: tracking.value(key) for key in _KEYS}
    return {
        key: value
        for key, value in values.items()
        if value and not (environment.get(_KEYS[key]) and value == untouched.value(key))
    }
