"""Filters of lists, as conditions that the database applies."""

from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import ColumnElement, String, cast, func, not_, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from tunesmith.server.kit.database import Record
from tunesmith.server.kit.json_lists import JsonListHas
from tunesmith.server.kit.wire import QueryText

Exact = Annotated[QueryText | None, Query(description="Exactly this; !this for all others.")]
"""A filter's parameter."""


def matches(
    column: ColumnElement[str] | InstrumentedAttribute[str], wanted: str | None
) -> ColumnElement[bool]:
    """Equal to the text; a leading ! turns the condition round."""
    if wanted is None:
        return true()
    return column != wanted[1:] if wanted.startswith("!") else column == wanted


def is_flag(column: InstrumentedAttribute[bool], wanted: bool | None) -> ColumnElement[bool]:
    """True or false as wanted."""
    return true() if wanted is None else column.is_(wanted)


def holds(column: InstrumentedAttribute[list[Any]], wanted: str | None) -> ColumnElement[bool]:
    """The list in the column holds the text; a leading ! turns the condition round."""
    if wanted is None:
        return true()
    if wanted.startswith("!"):
        return not_(JsonListHas(column, wanted[1:]))
    return JsonListHas(column, wanted)


def mentions(table: type[Record], text: str | None) -> ColumnElement[bool]:
    """The text is part of the name, the description or the id, in any case of letters."""
    if not text:
        return true()
    columns = [getattr(table, name) for name in ("name", "description") if hasattr(table, name)]
    found = [column.icontains(text, autoescape=True) for column in columns]
    # Databases without a type for ids keep them without dashes.
    if digits := text.replace("-", ""):
        found.append(func.replace(cast(table.id, String), "-", "").icontains(digits, autoescape=True))
    return or_(*found)
