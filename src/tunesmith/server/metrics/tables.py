"""Counters of what was reported."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Base, now


class ReportedAction(Base):
    """How often one kind of action was reported. `kind` is a digest of what tells kinds apart."""

    __tablename__ = "reported_actions"

    kind: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[str] = mapped_column(String(100))
    network: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(100))
    gpu: Mapped[list[Any]]
    success: Mapped[bool]
    count: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float] = mapped_column(Double, default=0.0)
    updated_on: Mapped[datetime] = mapped_column(default=now)
