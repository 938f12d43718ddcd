"""Base experiments: published models to start from, and the rules of choosing one."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from tunesmith.networks.backbones import TIMM_PREFIX
from tunesmith.networks.catalogue import BaseModelEntry, catalogue
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.specs.paths import value_at

_REFUSED = "Provided base_experiment cannot be added"


def _without_nulls(ids: list[UUID | None]) -> list[UUID | None]:
    return [one for one in ids if one]


BaseExperiments = Annotated[list[UUID | None], Field(max_length=2), AfterValidator(_without_nulls)]
"""Ids of base experiments. Existing clients send [null] where they found none."""


def check_base_experiments(ids: Sequence[UUID | None], arch: str | None) -> list[str]:
    """The ids as they are stored, each once. `arch` is the network that they are for, if it is known.

    Raises:
        BadRequestError: an id is not in the catalogue, is of another network, or does not go with the other.
    """
    entries = [_known(one) for one in dict.fromkeys(ids) if one]
    for entry in entries:
        if arch is not None and entry.arch != arch:
            raise BadRequestError(
                f"{_REFUSED}: {entry.id} ({entry.ngc_path}) is for {entry.arch}, and this is {arch}. "
                f"GET experiments:base?network_arch={arch} lists those that fit."
            )
    _check_that_they_agree(entries)
    return [str(entry.id) for entry in entries]


def entries_of(ids: Iterable[str]) -> list[BaseModelEntry]:
    """The catalogue's entries for ids as they are stored; one that is not in it (any more) is left out."""
    wanted = set(ids)
    return [entry for identity, entry in catalogue().items() if str(identity) in wanted]


def defaults_of(ids: Iterable[str]) -> dict[str, Any]:
    """The values of the spec, by dotted path, that suit base experiments."""
    return {path: value for entry in entries_of(ids) for path, value in entry.defaults.items()}


def check_agreement(ids: Iterable[str], specs: dict[str, Any]) -> None:
    """Refuse specs whose model the weights would not fit.

    Raises:
        BadRequestError: the message names the key, both values and both remedies.
    """
    for entry in entries_of(ids):
        for path, needed in entry.required.items():
            sent = value_at(specs, path)
            if _plain(sent) != needed:
                raise BadRequestError(
                    f"specs: {path}: must be {needed}, as the experiment starts from {entry.ngc_path}, "
                    f"got {sent}. Set it to {needed}, or PATCH the experiment with another base_experiment, "
                    "or with [] to train from scratch."
                )


def _known(identity: UUID) -> BaseModelEntry:
    try:
        return catalogue()[identity]
    except KeyError:
        raise BadRequestError(
            f"{_REFUSED}: {identity} is not in the catalogue of base experiments (GET experiments:base lists "
            "it). Send [] to train from scratch."
        ) from None


def _check_that_they_agree(entries: Sequence[BaseModelEntry]) -> None:
    for path, value in (pair for entry in entries for pair in entry.required.items()):
        for other in entries:
            if other.required.get(path, value) != value:
                raise BadRequestError(
                    f"{_REFUSED}: one sets {path} to {value}, "
                    f"{other.ngc_path} to {other.required[path]}; choose one of them"
                )


def _plain(value: Any) -> Any:
    return value.removeprefix(TIMM_PREFIX) if isinstance(value, str) else value
