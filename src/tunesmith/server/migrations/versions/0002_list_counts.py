"""Counts of rows by who may see them, kept by triggers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_PUBLIC = {"workspaces": "{row}.id IS NULL", "datasets": "{row}.id IS NULL", "experiments": "{row}.public"}
"""What tells that a row is public: of workspaces and datasets none is."""

_ADD = """
INSERT INTO list_counts (kind, org_id, user_id, shared, public, records)
VALUES ('{table}', {row}.org_id, {row}.user_id, {row}.shared, {public}, {step})
ON CONFLICT (kind, org_id, user_id, shared, public)
DO UPDATE SET records = list_counts.records + excluded.records;
"""


def upgrade() -> None:
    op.create_table(
        "list_counts",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "org_id", "user_id", "shared", "public", name=op.f("pk_list_counts")),
    )
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in _PUBLIC:
        _count_what_is_there(table)
        for event, statements in _events(table).items():
            create = _create_on_postgresql if on_postgresql else _create_on_sqlite
            create(table, event, statements)


def _count_what_is_there(table: str) -> None:
    public = _PUBLIC[table].format(row=table)
    op.execute(
        f"INSERT INTO list_counts SELECT '{table}', org_id, user_id, shared, {public}, count(*) "  # noqa: S608
        f"FROM {table} GROUP BY org_id, user_id, shared, {public}"
    )


def _events(table: str) -> dict[str, str]:
    added, removed = _step(table, "NEW", 1), _step(table, "OLD", -1)
    return {"INSERT": added, "DELETE": removed, "UPDATE": removed + added}


def _step(table: str, row: str, step: int) -> str:
    return _ADD.format(table=table, row=row, public=_PUBLIC[table].format(row=row), step=step)


def _create_on_sqlite(table: str, event: str, statements: str) -> None:
    op.execute(f"CREATE TRIGGER {table}_counted_{event.lower()} {_when(table, event)} BEGIN {statements} END")


def _create_on_postgresql(table: str, event: str, statements: str) -> None:
    name = f"{table}_counted_{event.lower()}"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {statements} RETURN NULL; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} {_when(table, event)} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _when(table: str, event: str) -> str:
    columns = "OF org_id, user_id, shared" + (", public" if table == "experiments" else "")
    return f"AFTER {event} {columns if event == 'UPDATE' else ''} ON {table}"
