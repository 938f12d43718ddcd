"""Published models that a training can start from: facts in a file, read without torch."""

from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, TypeAdapter


class Source(BaseModel):
    """A file on the hub (Hugging Face's, or one that speaks its protocol)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: str
    file: str
    revision: str


class BaseModelEntry(BaseModel):
    """A published model.

    Attributes:
        arch: the network that it is for.
        ngc_path: its name, `<owner>/<model>:<version>`; with arch, its identity.
        input_size: channels, height and width that its weights were trained on.
        accuracy: published top-1 accuracy, of a detector average precision, in percent; None where the source
            states none.
        defaults: values of the spec, by dotted path, that suit it. Those of `model` it cannot do without.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: str
    ngc_path: str
    name: str
    version: str
    description: str
    source: Source
    license: str
    input_size: tuple[int, int, int]
    parameters: int
    accuracy: float | None
    accuracy_source: str | None
    backbone_type: str
    backbone_class: str
    defaults: dict[str, Any]

    @cached_property
    def id(self) -> UUID:
        """Never changes: made from the name and the network."""
        return uuid5(NAMESPACE_URL, f"{self.ngc_path}:{self.arch}")

    @property
    def required(self) -> dict[str, Any]:
        """The values that a spec must have, or the weights do not fit."""
        return {path: value for path, value in self.defaults.items() if path.startswith("model.")}


@cache
def catalogue() -> Mapping[UUID, BaseModelEntry]:
    """All published models by id, in the order of the file."""
    text = files("tunesmith.networks").joinpath("catalogue.json").read_bytes()
    entries = TypeAdapter(list[BaseModelEntry]).validate_json(text)
    return {entry.id: entry for entry in entries}
