"""Organisations and their users."""

from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Record


class Org(Record):
    """An organisation; its name stands in every URL."""

    __tablename__ = "orgs"

    name: Mapped[str] = mapped_column(String(500), unique=True)


class User(Record):
    """A person or program within one organisation."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), index=True)
    name: Mapped[str] = mapped_column(String(500))
    email: Mapped[str | None] = mapped_column(String(500), default=None)
