"""Datasets."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Owned


class Dataset(Owned):
    """A dataset in a workspace. `revision` counts its pulls: each has a folder of its own."""

    __tablename__ = "datasets"

    name: Mapped[str] = mapped_column(String(500), index=True)
    description: Mapped[str] = mapped_column(String(1000))
    version: Mapped[str] = mapped_column(String(10))
    logo: Mapped[str | None] = mapped_column(String(2048))
    type: Mapped[str] = mapped_column(String(64), index=True)
    format: Mapped[str] = mapped_column(String(64))
    workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id"), index=True, default=None)
    url: Mapped[str | None] = mapped_column(String(2048), default=None)
    cloud_file_path: Mapped[str | None] = mapped_column(String(2048), default=None)
    client_url: Mapped[str | None] = mapped_column(String(2048), default=None)
    use_for: Mapped[list[Any]] = mapped_column(default=list)
    base_experiment: Mapped[list[Any]] = mapped_column(default=list)
    authorized_party_nca_id: Mapped[str] = mapped_column(String(2048), default="")
    skip_validation: Mapped[bool] = mapped_column(default=False)
    check_all_images: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(String(32), default="starting", index=True)
    status_reason: Mapped[str] = mapped_column(Text, default="")
    revision: Mapped[int] = mapped_column(default=1)
    report: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sealed_private: Mapped[str | None] = mapped_column(Text, default=None)
