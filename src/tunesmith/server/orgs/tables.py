"""Organisations and their users."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Record


class Org(Record):
    """An organisation; its name stands in every URL."""

    __tablename__ = "orgs"

    name: Mapped[str] = mapped_column(String(500), unique=True)
    served_on: Mapped[datetime | None] = mapped_column(default=None)
    """When a job of it was last given a slot."""


class User(Record):
    """A person or program within one organisation."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), index=True)
    name: Mapped[str] = mapped_column(String(500))
    email: Mapped[str | None] = mapped_column(String(500), default=None)
