"""An index of kinds of jobs that is taken for counting them only.

When it began with `internal`, which is the same for nearly all jobs, SQLite took it to find the jobs of an
experiment, and looked at every job there was.
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.drop_index("ix_jobs_kinds", table_name="jobs")
    op.create_index("ix_jobs_kinds", "jobs", ["status", "action", "network", "internal"], unique=False)
