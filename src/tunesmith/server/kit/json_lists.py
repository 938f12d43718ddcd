"""Questions about JSON in columns, in the words of each database."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement, literal


class JsonListHas(FunctionElement[bool]):
    """Whether a JSON list of strings holds a string."""

    type = Boolean()
    name = "json_list_has"
    inherit_cache = True

    def __init__(self, column: InstrumentedAttribute[list[Any]] | ColumnElement[Any], item: str) -> None:
        super().__init__(column, literal(item))


@compiles(JsonListHas, "sqlite")
def _for_sqlite(element: JsonListHas, compiler: SQLCompiler, **options: Any) -> str:
    column, item = (compiler.process(part, **options) for part in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS item WHERE item.value = {item})"  # noqa: S608 - compiled parts


@compiles(JsonListHas, "postgresql")
def _for_postgresql(element: JsonListHas, compiler: SQLCompiler, **options: Any) -> str:
    column, item = (compiler.process(part, **options) for part in element.clauses)
    return f"jsonb_exists({column}, {item})"


class IsJson(FunctionElement[bool]):
    """Whether a column can be looked into: SQLite fails the whole query at one row with a NaN."""

    type = Boolean()
    name = "is_json"
    inherit_cache = True

    def __init__(self, column: InstrumentedAttribute[dict[str, Any]]) -> None:
        super().__init__(column)


@compiles(IsJson, "sqlite")
def _is_json_on_sqlite(element: IsJson, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = (compiler.process(part, **options) for part in element.clauses)
    return f"json_valid({column})"


@compiles(IsJson, "postgresql")
def _is_json_on_postgresql(element: IsJson, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ARG001
    return "true"  # JSONB holds nothing else
