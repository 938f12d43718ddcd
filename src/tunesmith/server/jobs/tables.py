"""Jobs, the leases on them, and the history of their states."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from tunesmith.server.kit.database import Base, Record, now


class Queue(StrEnum):
    """How far a waiting job has come on its way to a slot (see `jobs.queue`)."""

    NEW = "new"
    BLOCKED = "blocked"
    READY = "ready"


def _place_in_queue(context: DefaultExecutionContext) -> str | None:
    """A job that is written as waiting is new to the queue."""
    status = (context.current_parameters or {}).get("status", "Pending")
    return Queue.NEW.value if status in {"Pending", "Resuming"} else None


class Job(Record):
    """One action on an experiment or a dataset.

    `inputs` is what was frozen when the job was posted (see `jobs.inputs.FrozenInputs`), `details` what
    its worker's events add up to (see `jobs.details.Details`), `events_offset` how far they were read.
    `log_size` is the length of the log in bytes, `log_offsets` how much of its log file each server that
    ran the job has put there (see `jobs.log_store`).
    An internal job (the pull of a dataset) is not listed.

    `slot` to `nodes` are what it occupies while it runs (see `scheduling.resources.Demand`), `queue` and
    `blocked_by` how far it has come while it waits (see `jobs.queue`). `restarts` counts lost workers,
    `attempt` all workers; `ran_on` is the server of the last one, whose job folder the offset is of.
    `events_base` and `log_base` are where the last attempt begins in the files of that folder; negative where
    it began in the folder of another server (see `scheduling.attempts`).
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_status_created_on", "status", "created_on"),
        Index("ix_jobs_kinds", "status", "action", "network", "internal"),
        Index("ix_jobs_queue", "queue", "org_id", "slot", "created_on"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    experiment_id: Mapped[UUID | None] = mapped_column(ForeignKey("experiments.id"), index=True, default=None)
    dataset_id: Mapped[UUID | None] = mapped_column(ForeignKey("datasets.id"), index=True, default=None)
    parent_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("jobs.id", ondelete="SET NULL"), index=True, default=None
    )
    internal: Mapped[bool] = mapped_column(default=False)

    action: Mapped[str] = mapped_column(String(64))
    network: Mapped[str | None] = mapped_column(String(64), default=None)
    name: Mapped[str] = mapped_column(String(500), default="")
    description: Mapped[str] = mapped_column(String(1000), default="")
    platform_id: Mapped[UUID | None] = mapped_column(default=None)
    specs: Mapped[dict[str, Any]] = mapped_column(default=dict)
    inputs: Mapped[dict[str, Any]] = mapped_column(default=dict)
    slot: Mapped[str] = mapped_column(String(16), default="cpu")
    gpus: Mapped[int] = mapped_column(default=0)
    gpu_ids: Mapped[list[Any]] = mapped_column(default=list)
    memory_mb: Mapped[int] = mapped_column(default=0)
    nodes: Mapped[int] = mapped_column(default=1)

    status: Mapped[str] = mapped_column(String(16), default="Pending")
    queue: Mapped[str | None] = mapped_column(String(8), default=_place_in_queue)
    blocked_by: Mapped[UUID | None] = mapped_column(default=None, index=True)
    waits_for: Mapped[str] = mapped_column(Text, default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    events_offset: Mapped[int] = mapped_column(default=0)
    events_base: Mapped[int] = mapped_column(BigInteger, default=0)
    log_size: Mapped[int] = mapped_column(BigInteger, default=0)
    log_offsets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    log_base: Mapped[int] = mapped_column(BigInteger, default=0)
    attempt: Mapped[int] = mapped_column(default=0)
    restarts: Mapped[int] = mapped_column(default=0)
    ran_on: Mapped[str | None] = mapped_column(String(64), default=None)
    started_on: Mapped[datetime | None] = mapped_column(default=None)
    ended_on: Mapped[datetime | None] = mapped_column(default=None)

    lease_owner: Mapped[str | None] = mapped_column(String(64), default=None, index=True)
    lease_token: Mapped[UUID | None] = mapped_column(default=None)


class JobHistory(Base):
    """One change of a job's state: who moved it, when and why. `actor` is a user or a server."""

    __tablename__ = "job_history"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(default=now)
    from_status: Mapped[str] = mapped_column(String(16))
    to_status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(500), default="")


class JobLog(Base):
    """A piece of a job's log, as bytes: programs write what they like. `position` is where it begins."""

    __tablename__ = "job_logs"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)
