"""Finds what to do for a request. Each action imports what it needs, so that a pull loads no torch."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tunesmith.protocol import Cause
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run

_VERBS = ("train", "distill", "evaluate", "prune", "retrain", "export", "gen_trt_engine", "inference")


def run_action(run: Run) -> dict[str, Any]:
    """Do what the request asks for. Returns a summary of plain data.

    Raises:
        StoppedError: asked to stop, and what is on disk is whole.
        JobError, SpecError, DatasetError, StorageError: the job cannot go on.
        MemoryError: memory ran out.
    """
    action = run.request.action
    if action == "pull":
        from tunesmith.training.dataservices.pull import pull

        return pull(run)
    if action == "pull_model":
        from tunesmith.training.base_models import pull_model

        return pull_model(run)
    if action == "convert_efficientdet_tf2":
        from tunesmith.training.dataservices.convert_efficientdet_tf2 import convert_efficientdet_tf2

        return convert_efficientdet_tf2(run)
    if action not in _VERBS:
        known = ", ".join(("pull", "pull_model", "convert_efficientdet_tf2", *_VERBS))
        raise JobError(Cause.BAD_SPEC, f"There is no action {action!r} here; there are {known}.")
    return _run_verb(action, run)


def _run_verb(action: str, run: Run) -> dict[str, Any]:
    from tunesmith.training.engine.memory import is_out_of_memory

    verb: Callable[[Run], dict[str, Any]] = getattr(
        import_module(f"tunesmith.training.verbs.{action}"), action
    )
    try:
        return verb(run)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error).split("\n", maxsplit=1)[0]) from error
        raise
