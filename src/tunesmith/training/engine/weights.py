"""Pretrained weights: fetched from the workspace, read as data alone, fitted by name and shape."""

import pickle
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from tunesmith.protocol import Cause
from tunesmith.storage.errors import InvalidKeyError, StorageFileMissingError
from tunesmith.storage.locations import Location
from tunesmith.training.failures import JobError
from tunesmith.training.run import Run

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Where training programs keep the weights inside a checkpoint, and what they put before each name.
_NESTS = (
    "ema",
    "state_dict_ema",
    "model_ema",
    "model",
    "state_dict",
    "model_state_dict",
    "module",
    "teacher",
)
_PREFIXES = ("module.", "model.", "net.", "backbone.", "encoder.", "_orig_mod.", "teacher.", "student.")
_SHOWN = 5
# What torch and safetensors raise on files that are none of theirs.
_JUNK = (
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    struct.error,
    SafetensorError,
)


@dataclass(frozen=True)
class Fitting:
    """How weights fitted a model, by the model's names."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    mismatched: tuple[str, ...]
    unused: int

    def sentence(self, source: str) -> str:
        """For people."""
        text = f"{source}: {len(self.matched)} of the model's weights were loaded"
        if self.missing:
            text += f", {len(self.missing)} are not in it ({_listed(self.missing)})"
        if self.mismatched:
            text += f", {len(self.mismatched)} have another shape ({_listed(self.mismatched)})"
        if self.unused:
            text += f", {self.unused} of its weights were not used"
        return f"{text}."


def workspace_file(run: Run, key: str, spec_path: str) -> Path:
    """Fetch a file of the job's workspace that a spec key names.

    Raises:
        JobError: there is no such file, or the job has no workspace.
        StoppedError: asked to stop meanwhile.
        StorageError: the workspace cannot be reached.
    """
    if run.request.results is None:
        raise JobError(
            Cause.BAD_SPEC, f"{spec_path} names {key!r}, but the job has no workspace to find it in."
        )
    files = run.files(Location(store=run.request.results.location.store))
    target = run.scratch / Path(key).name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        run.interruptible(lambda: files.download(key.strip("/"), target))
    except (StorageFileMissingError, InvalidKeyError) as error:
        reason = str(error) if isinstance(error, InvalidKeyError) else f"The workspace holds no file {key!r}."
        advice = "Give the file's key, counted from the workspace's root."
        raise JobError(Cause.BAD_SPEC, f"{spec_path}: {reason}", advice) from error
    return target


def load_weights(model: nn.Module, path: Path, spec_path: str, ignore: tuple[str, ...] = ()) -> str:
    """Fill a model with the weights in a file, as far as names and shapes agree.

    Args:
        model: to fill.
        path: a .pth (or .pt, .bin, .ckpt) or a .safetensors file.
        spec_path: the spec key that named it, for messages.
        ignore: names that begin so stay as they are.

    Returns:
        A sentence on what fitted.

    Raises:
        JobError: the file is unreadable or unsafe, or nothing fits.
    """
    found = read_weights(path, spec_path)
    fitting = fit(model, found, ignore)
    if not fitting.matched:
        raise JobError(
            Cause.BAD_SPEC,
            f"{spec_path}: no weight in {path.name} fits the model. It has names like "
            f"{_listed(tuple(found))}; the model's are like {_listed(tuple(model.state_dict()))}.",
            "Choose the backbone that the weights were trained with.",
        )
    return fitting.sentence(f"{spec_path} ({path.name})")


def read_weights(path: Path, spec_path: str) -> dict[str, Tensor]:
    """The tensors in a file, by name. Code in the file is never run.

    Raises:
        JobError: the file cannot be read as weights.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _unusable(path, spec_path, "holds Python objects, which are not safe to load") from error
    except _JUNK as error:
        raise _unusable(path, spec_path, "cannot be read") from error
    tensors = _tensors(loaded)
    if not tensors:
        raise _unusable(path, spec_path, "holds no weights")
    return tensors


def fit(model: nn.Module, found: Mapping[str, Tensor], ignore: tuple[str, ...] = ()) -> Fitting:
    """Copy into the model what agrees in name and shape, under the prefix with which most agrees."""
    wanted = {
        name: value for name, value in model.state_dict().items() if not name.startswith(ignore or "\0")
    }
    prefixes = ["", *(first + second for first in _PREFIXES for second in ("", *_PREFIXES))]
    named = max((_without(one, found) for one in prefixes), key=lambda one: _agreeing(one, wanted))
    if _agreeing(named, wanted) < len(wanted):
        # A library may have put a prefix before some of its names alone: it also gets them as they are.
        published = (named,) if len(named) == len(found) else (named, dict(found))
        converted = (_converted(model, one) for one in published)
        named = max((named, *converted), key=lambda one: _agreeing(one, wanted))
    matched = {
        name: named[name] for name in wanted if name in named and named[name].shape == wanted[name].shape
    }
    model.load_state_dict(matched, strict=False)
    return Fitting(
        matched=tuple(matched),
        missing=tuple(name for name in wanted if name not in named),
        mismatched=tuple(name for name in wanted if name in named and name not in matched),
        unused=len(named.keys() - wanted.keys()),
    )


def _tensors(loaded: Any) -> dict[str, Tensor]:
    """The weights in a checkpoint, wherever they are nested."""
    if not isinstance(loaded, Mapping):
        return {}
    for nest in _NESTS:
        if isinstance(loaded.get(nest), Mapping) and (inner := _tensors(loaded[nest])):
            return inner
    return {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}


def _without(prefix: str, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def _agreeing(named: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> int:
    return sum(name in named and named[name].shape == value.shape for name, value in wanted.items())


def _converted(model: nn.Module, named: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the model's library converts published weights: old names, positions of other image sizes."""
    if type(model).__module__.startswith("transformers."):
        from tunesmith.networks.published import (
            renamed,  # only those who have such a model wait for its import
        )

        return renamed(cast("PreTrainedModel", model), named)
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return named
    try:
        converted: dict[str, Tensor] = convert(dict(named), model)
    except (KeyError, RuntimeError, ValueError, IndexError, AttributeError):  # not weights it knows
        return named
    return converted


def _unusable(path: Path, spec_path: str, fact: str) -> JobError:
    return JobError(
        Cause.BAD_SPEC,
        f"{spec_path}: {path.name} {fact}.",
        "Save the weights alone (torch.save(model.state_dict(), ...)) or as .safetensors.",
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
