"""Pages of a list: skip, size and sort, applied by the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tunesmith.server.kit.database import Record
from tunesmith.server.kit.queries import from_query
from tunesmith.server.kit.wire import QueryText, Reply

_INT32 = 2**31 - 1
_DEFAULT_SORT = ("date", "descending")
_KEYS = {"date": ["created_on"], "name": ["name", "version"], "status": ["status"]}

Row = TypeVar("Row", bound=Record)


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted, in which order.

    `sort` is date-, name- or status-, then ascending or descending; anything else means the newest
    first, as existing clients expect.
    """

    skip: Annotated[int | None, Query(ge=0, le=_INT32)] = None
    size: Annotated[int | None, Query(ge=0, le=_INT32)] = None
    sort: Annotated[
        QueryText | None, Query(description="date-, name- or status-, then ascending or descending")
    ] = None


PageDep = Annotated[Page, from_query(Page)]


class PaginationInfo(Reply):
    """Where a page stands in its list."""

    total_records: int
    total_pages: int
    page_size: int
    page_index: int


@dataclass(frozen=True)
class Paged(Generic[Row]):
    """One page. `info` is there only when both skip and size were given."""

    rows: list[Row]
    info: PaginationInfo | None


def fetch_page(
    session: Session,
    query: Select[Row],
    table: type[Row],
    page: Page,
    total: ScalarSelect[int] | None = None,
) -> Paged[Row]:
    """Run the query for one page: sorted, cut and, when asked for, counted in one statement.

    `total` counts the rows of the query if there is a quicker way than to look at them.
    """
    chosen = query.order_by(*_order(table, page.sort)).offset(page.skip).limit(page.size)
    if page.skip is None or page.size is None:
        return Paged(list(session.scalars(chosen)), None)
    if total is None:
        total = query.with_only_columns(func.count(), maintain_column_froms=True).scalar_subquery()
    found = session.execute(chosen.add_columns(total)).all()
    records = found[0][1] if found else session.execute(select(total)).scalar_one()
    return Paged([row for row, _ in found], _info(records, page.skip, page.size))


def info_of(records: int, page: Page) -> PaginationInfo | None:
    """Where the page stands among so many records; None unless both skip and size were given."""
    return None if page.skip is None or page.size is None else _info(records, page.skip, page.size)


def is_descending(page: Page, key: str) -> bool | None:
    """The direction in which the page is sorted by a key: date, name or status; None if by another."""
    wanted, _, direction = (page.sort or "").partition("-")
    if wanted not in _KEYS or direction not in {"ascending", "descending"}:
        wanted, direction = _DEFAULT_SORT
    return direction == "descending" if wanted == key else None


def _info(records: int, skip: int, size: int) -> PaginationInfo:
    pages = -(-records // size) if size else 0
    return PaginationInfo(
        total_records=records, total_pages=pages, page_size=size, page_index=skip // size if size else 0
    )


def _order(table: type[Record], sort: str | None) -> list[ColumnElement[Any]]:
    columns = _sort_columns(table)
    key, _, direction = (sort or "").partition("-")
    if key not in columns or direction not in {"ascending", "descending"}:
        key, direction = _DEFAULT_SORT
    chosen = [*columns[key], table.id]
    return [one.asc() if direction == "ascending" else one.desc() for one in chosen]


def _sort_columns(table: type[Record]) -> Mapping[str, list[InstrumentedAttribute[Any]]]:
    """What can be sorted by: a key that the table has no column for is no key."""
    found = {
        key: [getattr(table, name) for name in names if hasattr(table, name)] for key, names in _KEYS.items()
    }
    return {key: columns for key, columns in found.items() if columns}
