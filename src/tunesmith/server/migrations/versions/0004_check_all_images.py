"""Whether every image of a dataset is decoded at its pull."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "datasets",
        sa.Column("check_all_images", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
