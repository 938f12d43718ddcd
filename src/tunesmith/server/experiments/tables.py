"""Experiments."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, ScalarSelect, String, Text, and_, case, func, select
from sqlalchemy.orm import Mapped, column_property, mapped_column

from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import Owned


class Experiment(Owned):
    """A network, the data it is trained on, and how its checkpoints are chosen.

    What only echoes back to the client and takes part in no rule is kept in `echoed`. `status` follows
    from the jobs; it is loaded where a query asks for it.
    """

    __tablename__ = "experiments"

    name: Mapped[str] = mapped_column(String(500), index=True)
    description: Mapped[str] = mapped_column(String(1000))
    version: Mapped[str] = mapped_column(String(500))
    network_arch: Mapped[str] = mapped_column(String(64), index=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), index=True)
    train_datasets: Mapped[list[Any]] = mapped_column(default=list)
    eval_dataset: Mapped[UUID | None] = mapped_column(default=None)
    inference_dataset: Mapped[UUID | None] = mapped_column(default=None)
    calibration_dataset: Mapped[UUID | None] = mapped_column(default=None)
    base_experiment: Mapped[list[Any]] = mapped_column(default=list)
    checkpoint_choose_method: Mapped[str] = mapped_column(String(32), default="best_model")
    checkpoint_epoch_number: Mapped[dict[str, Any]] = mapped_column(default=dict)
    metric: Mapped[str] = mapped_column(String(100), default="kpi")
    automl_settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tags: Mapped[list[Any]] = mapped_column(default=list)
    read_only: Mapped[bool] = mapped_column(default=False)
    public: Mapped[bool] = mapped_column(default=False)
    echoed: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sealed_private: Mapped[str | None] = mapped_column(Text, default=None)

    if TYPE_CHECKING:
        status: Mapped[str]


_WORST_FIRST = (
    Status.ERROR,
    Status.PAUSING,
    Status.CANCELING,
    Status.RESUMING,
    Status.PAUSED,
    Status.CANCELED,
    Status.RUNNING,
)


def _status_of_jobs() -> ScalarSelect[str]:
    def some(status: Status) -> ColumnElement[bool]:
        return func.count(case((Job.status == status.value, 1))) > 0

    derived = case(
        *((some(status), status.value) for status in _WORST_FIRST),
        (and_(some(Status.DONE), some(Status.PENDING)), Status.RUNNING.value),
        (some(Status.DONE), Status.DONE.value),
        else_=Status.PENDING.value,
    )
    return select(derived).where(Job.experiment_id == Experiment.id).scalar_subquery()


Experiment.status = column_property(_status_of_jobs(), deferred=True)
