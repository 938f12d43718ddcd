"""Base experiments: published models to start from. This server has no catalogue of them yet."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from tunesmith.server.kit.errors import BadRequestError


def _without_nulls(ids: list[UUID | None]) -> list[UUID | None]:
    return [one for one in ids if one]


BaseExperiments = Annotated[list[UUID | None], Field(max_length=2), AfterValidator(_without_nulls)]
"""Ids of base experiments. Existing clients send [null] where they found none."""


def check_base_experiments(ids: Sequence[UUID | None]) -> list[str]:
    """The ids as they are stored.

    Raises:
        BadRequestError: an id is not in the catalogue.
    """
    if ids:
        raise BadRequestError(
            f"Provided base_experiment cannot be added: {ids[0]} is not in the catalogue of base experiments "
            "(GET experiments:base lists it). Send [] to train from scratch."
        )
    return []
