"""How many rows each user has in the tables that lists show, counted as they come and go.

A page of a list says how many records there are. Counting them takes time in proportion to them; a few
sums that triggers keep do not (see the migration 0002).
"""

from uuid import UUID

from sqlalchemy import ScalarSelect, String, and_, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Base, Owned


class ListCount(Base):
    """The rows of a table that are alike in what decides who may see them."""

    __tablename__ = "list_counts"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    shared: Mapped[bool] = mapped_column(primary_key=True)
    public: Mapped[bool] = mapped_column(primary_key=True)
    records: Mapped[int]


def count_of(table: type[Owned], caller: Caller) -> ScalarSelect[int]:
    """The number of rows that the caller may see. Public rows are seen in all organisations."""
    own = and_(ListCount.org_id == caller.org_id, or_(ListCount.user_id == caller.user_id, ListCount.shared))
    counted = select(func.coalesce(func.sum(ListCount.records), 0))
    return counted.where(ListCount.kind == table.__tablename__, or_(own, ListCount.public)).scalar_subquery()
