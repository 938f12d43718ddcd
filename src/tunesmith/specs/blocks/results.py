"""The keys that say where the results of a job lie: below results/<job id> of the experiment's workspace."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tunesmith.specs.actions import Action
from tunesmith.specs.block import UNSET_PATH
from tunesmith.specs.fields import text
from tunesmith.specs.paths import value_at
from tunesmith.storage.errors import InvalidKeyError
from tunesmith.storage.keys import check_prefix

_SECTIONS = {Action.RETRAIN: Action.TRAIN, Action.CONVERT_EFFICIENTDET_TF2: "dataset_convert"}
"""Actions whose keys are in another section than the one of their name."""
_ROOT = "results"
"""What the published default `/results` means: the job's own folder."""


def _checked(value: str) -> str:
    try:
        check_prefix(_below(value))
    except InvalidKeyError:
        raise PydanticCustomError(
            "folder", "a folder below the results of the job: plain names between slashes"
        ) from None
    return value


Folder = Annotated[str, AfterValidator(_checked)]
"""A folder below the results of the job."""


def folder(default: str = "") -> Any:
    """The key results_dir, of a section or of the root."""
    return text(default, "Folder for the results, below results/<job id>; /results is that one.")


def results_folder(specs: Mapping[str, Any], action: str) -> str:
    """The folder for the results of a job, below results/<job id>; empty for that one itself.

    It is the one that the action's own section names, else the one that the root of the spec names.
    """
    section = _SECTIONS.get(Action(action), action)
    named = (_below(value_at(specs, path, "")) for path in (f"{section}.results_dir", "results_dir"))
    return next(filter(None, named), "")


def _below(value: str) -> str:
    if value == UNSET_PATH:
        return ""
    parts = PurePosixPath(value).parts
    if parts[:2] == ("/", _ROOT):
        parts = parts[2:]
    return "/".join(parts).strip("/")
