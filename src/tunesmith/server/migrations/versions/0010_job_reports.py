"""Where the last attempt of a job begins in its folder, for workers that report over HTTP."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("events_base", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("log_base", sa.BigInteger(), nullable=False, server_default="0"))
