"""Servers with heartbeats in place of expiry times, what jobs need, and how far waiting jobs have come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "servers",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("started_on", TIME, nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("capacity", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servers")),
    )
    op.add_column("orgs", sa.Column("served_on", TIME, nullable=True))
    # Not as a batch: that makes the table anew on SQLite, and rows of other tables go with the old one.
    op.drop_column("jobs", "lease_expires_on")
    for column in (
        sa.Column("gpu_ids", JSON, server_default="[]", nullable=False),
        sa.Column("memory_mb", sa.Integer(), server_default="0", nullable=False),
        sa.Column("nodes", sa.Integer(), server_default="1", nullable=False),
        sa.Column("queue", sa.String(length=8), nullable=True),
        sa.Column("blocked_by", sa.Uuid(), nullable=True),
        sa.Column("restarts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ran_on", sa.String(length=64), nullable=True),
    ):
        op.add_column("jobs", column)
    op.create_index("ix_jobs_queue", "jobs", ["queue", "org_id", "slot", "created_on"], unique=False)
    op.create_index(op.f("ix_jobs_blocked_by"), "jobs", ["blocked_by"], unique=False)
    op.execute("UPDATE jobs SET queue = 'new' WHERE status IN ('Pending', 'Resuming')")
    op.execute("UPDATE jobs SET ran_on = lease_owner")
