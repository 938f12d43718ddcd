"""Weights that somebody asked for."""

from uuid import UUID

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Base


class PulledModel(Base):
    """How far the weights of a base experiment are. `id` is the catalogue's: there is one pull a server."""

    __tablename__ = "pulled_models"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(String(32))
    status_reason: Mapped[str] = mapped_column(Text, default="")
