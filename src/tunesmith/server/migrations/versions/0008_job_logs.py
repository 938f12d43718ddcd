"""The logs of jobs, and who moved a job from one state to the next."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "job_logs",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_logs_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_logs")),
    )
    op.add_column("jobs", sa.Column("log_size", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("log_offsets", JSON, nullable=False, server_default="{}"))
    op.add_column("job_history", sa.Column("actor", sa.String(length=500), nullable=False, server_default=""))
