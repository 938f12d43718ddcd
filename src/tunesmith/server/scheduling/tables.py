"""The servers that share a database."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Base, now


class Server(Base):
    """A server that runs jobs. Its id stays with its data folder.

    `beat` grows by one with each heartbeat: whoever sees it stand still for the length of a lease, by a
    clock of its own, knows that the server is gone. No two clocks are compared. `capacity` is a
    `resources.Capacity`.
    """

    __tablename__ = "servers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    started_on: Mapped[datetime] = mapped_column(default=now)
    beat: Mapped[int] = mapped_column(default=0)
    capacity: Mapped[dict[str, Any]] = mapped_column(default=dict)
