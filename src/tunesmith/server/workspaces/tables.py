"""Workspaces."""

from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Owned


class Workspace(Owned):
    """A place in somebody's storage. `store` is its public description, without any secret."""

    __tablename__ = "workspaces"

    name: Mapped[str] = mapped_column(String(500), index=True)
    version: Mapped[str] = mapped_column(String(10))
    cloud_type: Mapped[str] = mapped_column(String(32))
    store: Mapped[dict[str, Any]]
    sealed_secrets: Mapped[str | None] = mapped_column(Text, default=None)
