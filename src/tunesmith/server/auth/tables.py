"""API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Record


class ApiKey(Record):
    """A key that a user logs in with. Only its SHA-256 is kept: the key itself is random and long."""

    __tablename__ = "api_keys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    last_used_on: Mapped[datetime | None] = mapped_column(default=None)
    revoked_on: Mapped[datetime | None] = mapped_column(default=None)
