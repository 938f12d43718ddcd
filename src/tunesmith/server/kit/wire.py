"""What goes over the wire: base classes of bodies and replies, length limits, times, shared enums."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from tunesmith.server.kit.errors import DESCRIPTION_LIMIT

MAX_DEPTH = 64
"""Deepest nesting of a request body. No spec of any network comes near it."""


def check_text(text: str) -> str:
    """The text itself, if a database can hold it.

    Raises:
        ValueError: it has a NUL character or half of a surrogate pair.
    """
    if "\0" in text:
        raise ValueError("text must not contain the NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("text must be valid Unicode; it contains half of a surrogate pair")
    return text


def check_json(value: Any) -> None:
    """Whether a parsed JSON value can be stored and sent back as JSON.

    Raises:
        ValueError: NaN, an infinity, text that no database holds, or nesting deeper than MAX_DEPTH.
    """
    waiting = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"a body must not be nested more than {MAX_DEPTH} levels deep")
        if isinstance(found, str):
            check_text(found)
        elif isinstance(found, float) and not math.isfinite(found):
            raise ValueError("numbers must be finite: JSON has no NaN and no Infinity")
        waiting.extend((part, depth + 1) for part in _parts(found))


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list):
        yield from value


class Part(BaseModel):
    """A part of a body: what it may hold is checked with the whole. Fields not declared are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Body(Part):
    """The body of a request."""

    @model_validator(mode="before")
    @classmethod
    def _can_be_stored(cls, body: Any) -> Any:
        check_json(body)
        return body


class StrictBody(Body):
    """The body of a request that may hold nothing but the fields it declares."""

    model_config = ConfigDict(extra="forbid")


class Reply(BaseModel):
    """The body of a reply."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


_R = TypeVar("_R", bound=Reply)


def shown(reply: type[_R], values: Mapping[str, Any], defaults: Mapping[str, Any] | None) -> _R:
    """The reply made of a row. What is stored oddly reads as its default, so that no read ever fails.

    Raises:
        ValidationError: a value is odd, and it has no default or no defaults are given.
    """
    try:
        return reply.model_validate(values)
    except ValidationError as error:
        odd = {str(one["loc"][0]) for one in error.errors(include_input=False)}
        if defaults is None or not odd <= set(defaults):
            raise
        return reply.model_validate({**values, **{name: defaults[name] for name in odd}})


class NothingRsp(Reply):
    """An empty object: what was to be deleted is not there (any more)."""

    model_config = ConfigDict(extra="forbid")


class ErrorRsp(Reply):
    """What every refusal says."""

    error_desc: Annotated[str, StringConstraints(max_length=DESCRIPTION_LIMIT)]
    error_code: int


def _with_offset(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


Moment = Annotated[
    datetime,
    PlainSerializer(_with_offset, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 32}),
]
"""A time in a reply: UTC, ISO 8601, milliseconds, the offset written +00:00."""

Name = Annotated[str, StringConstraints(max_length=500)]
Description = Annotated[str, StringConstraints(max_length=1000)]
ShortVersion = Annotated[str, StringConstraints(max_length=10)]
LongVersion = Annotated[str, StringConstraints(max_length=500)]
Link = Annotated[str, StringConstraints(max_length=2048)]
Tag = Annotated[str, StringConstraints(max_length=36)]

QueryText = Annotated[str, StringConstraints(max_length=5000), AfterValidator(check_text)]
"""Text in a query string that ends up in a database query."""


class CloudType(StrEnum):
    """Kinds of storage that the API knows."""

    AWS = "aws"
    AZURE = "azure"
    GCP = "gcp"
    HUGGINGFACE = "huggingface"
    SELF_HOSTED = "self_hosted"


class CheckpointChoice(StrEnum):
    """Which checkpoint of a training job its children use."""

    BEST_MODEL = "best_model"
    LATEST_MODEL = "latest_model"
    FROM_EPOCH_NUMBER = "from_epoch_number"
