"""Questions about JSON lists in columns, in the words of each database."""

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
