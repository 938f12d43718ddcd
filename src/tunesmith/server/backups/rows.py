"""Rows of tables as JSON, and back: strictly, since an archive may have been written by anybody."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from tunesmith.server.kit.database import Base
from tunesmith.server.kit.errors import BadRequestError

_OF_A_RUN = ("lease_owner", "lease_token", "ran_on", "restarts", "queue", "blocked_by")
_OF_A_MACHINE = ("gpu_ids", "memory_mb", "nodes", "events_base", "log_base")
OURS = frozenset({"org_id", "user_id", *_OF_A_RUN, *_OF_A_MACHINE})
"""Columns that a restore sets, or leaves as they are by themselves: whose a row is, who runs it and where."""

_INT = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]


def dumped(row: Base) -> dict[str, Any]:
    """The row as JSON, without what a restore sets."""
    form = _form(type(row))
    shown = {name: getattr(row, name) for name in form.model_fields}
    return form.model_construct(**shown).model_dump(mode="json")


def loaded(table: type[Base], data: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row. What the table does not know is left out.

    Raises:
        BadRequestError: a value is missing or cannot stand in its column.
    """
    try:
        return _form(table).model_validate(data).model_dump()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadRequestError(f"The backup holds an odd {table.__name__}: {place}: {first['msg']}") from None


@cache
def _form(table: type[Base]) -> type[BaseModel]:
    hints = get_type_hints(table)
    fields: dict[str, Any] = {}
    for column in table.__table__.columns:
        if column.name not in OURS:
            (kind,) = get_args(hints[column.name])  # Mapped[kind]
            length = getattr(column.type, "length", None)
            kind = _INT if kind is int else kind
            fields[column.name] = (Annotated[kind, Field(max_length=length)] if length else kind, ...)
    return create_model(table.__name__, __config__=ConfigDict(extra="ignore"), **fields)
