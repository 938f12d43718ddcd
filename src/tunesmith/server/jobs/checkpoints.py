"""Which files of a parent job its child uses."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.wire import CheckpointChoice
from tunesmith.specs import Action
from tunesmith.specs.block import UNSET_PATH
from tunesmith.specs.paths import value_at

BEST = "model_best.pth"
LATEST = "model_latest.pth"

_EPOCH = re.compile(r"model_epoch_(\d+)\.pth")
_TRAINED = frozenset({Action.TRAIN, Action.DISTILL, Action.RETRAIN})
_MADE: Mapping[str, Callable[[str], bool]] = {
    Action.EXPORT: lambda key: key.endswith(".onnx"),
    Action.GEN_TRT_ENGINE: lambda key: key.endswith(".engine"),
    Action.PRUNE: lambda key: key.endswith((".pth", ".tlt", ".hdf5")),
}


_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    Action.EVALUATE: ("evaluate.trt_engine", "evaluate.checkpoint"),
    Action.INFERENCE: ("inference.trt_engine", "inference.checkpoint"),
    Action.EXPORT: ("export.checkpoint",),
    Action.GEN_TRT_ENGINE: ("gen_trt_engine.onnx_file",),
    Action.PRUNE: ("prune.checkpoint",),
    Action.RETRAIN: ("train.pruned_model_path",),
}
"""The keys by which a job's specs may name a file of the parent; the first one that is set counts."""
_MODELS = (".pth", ".onnx", ".engine")


class NoSuchModelError(BadRequestError):
    """The parent job has not left the model that its child is to use."""


def choose_files(
    action: str, method: str, epoch_numbers: Mapping[str, Any], job_id: UUID, listing: Sequence[str]
) -> tuple[str, ...]:
    """The files of a parent job that its child uses; none for an action that makes no model.

    Args:
        action: the parent's action.
        method: the experiment's checkpoint_choose_method.
        epoch_numbers: the experiment's checkpoint_epoch_number.
        job_id: the parent's id.
        listing: the keys of the parent's results.

    Raises:
        NoSuchModelError: the file is not in the listing; the message says what to do.
    """
    if action in _TRAINED:
        return (_checkpoint(method, epoch_numbers, job_id, listing),)
    if action not in _MADE:
        return ()
    made = next(filter(_MADE[action], sorted(listing)), None)
    if made is None:
        raise NoSuchModelError(f"The results of the parent job {job_id} ({action}) hold no model.")
    return (made,)


def named_file(action: str, specs: Mapping[str, Any], job_id: UUID, listing: Sequence[str]) -> str | None:
    """The file of a parent job that the specs of its child name; None if they name none.

    A name is enough: in paths of other machines, and in results/<job id>/NAME, the last part counts.

    Args:
        action: the child's action.
        specs: the child's.
        job_id: the parent's id.
        listing: the keys of the parent's results.

    Raises:
        NoSuchModelError: there is no such file; the message lists those that there are.
    """
    for path in _NAMED_BY.get(action, ()):
        named = value_at(specs, path)
        if named in (None, "", UNSET_PATH):
            continue
        key = named if named in listing else PurePosixPath(named).name
        if key in listing and key.endswith(_MODELS):
            return key
        there = ", ".join(sorted(one for one in listing if one.endswith(_MODELS))) or "none"
        raise NoSuchModelError(
            f"{path}: the parent job {job_id} has no model {named!r}. Its models are: {there}."
        )
    return None


def epochs_of(listing: Iterable[str]) -> list[int]:
    """The epochs whose checkpoints are in a listing, in order."""
    return sorted(int(found[1]) for key in listing if (found := _EPOCH.fullmatch(key)))


def epoch_of(key: str) -> int | None:
    """The epoch that the name of a checkpoint tells."""
    found = _EPOCH.fullmatch(key)
    return int(found[1]) if found else None


def _checkpoint(method: str, epoch_numbers: Mapping[str, Any], job_id: UUID, listing: Sequence[str]) -> str:
    match method:
        case CheckpointChoice.LATEST_MODEL:
            key, remedy = LATEST, "It was stopped before its first checkpoint: train again"
        case CheckpointChoice.FROM_EPOCH_NUMBER:
            key = f"model_epoch_{_epoch(epoch_numbers, job_id, listing):03d}.pth"
            remedy = f"There are checkpoints of the epochs {_listed(epochs_of(listing))}"
        case _:
            key = BEST
            remedy = 'Use another one: PATCH the experiment with {"checkpoint_choose_method": "latest_model"}'
    if key not in listing:
        raise NoSuchModelError(f"The results of the parent job {job_id} do not hold {key}. {remedy}.")
    return key


def _epoch(epoch_numbers: Mapping[str, Any], job_id: UUID, listing: Iterable[str]) -> int:
    name = f"from_epoch_number_{job_id}"
    found = epoch_numbers.get(name)
    if not isinstance(found, int):
        raise NoSuchModelError(
            "checkpoint_choose_method is from_epoch_number, but no epoch is chosen: PATCH the experiment "
            f'with {{"checkpoint_epoch_number": {{"{name}": EPOCH}}}}, where EPOCH is one of '
            f"{_listed(epochs_of(listing))}."
        )
    return found


def _listed(epochs: Sequence[int]) -> str:
    return ", ".join(map(str, epochs)) or "(none)"
