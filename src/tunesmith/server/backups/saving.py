"""Gathers what a backup holds."""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from tunesmith.server.backups.archive import Content, Rows
from tunesmith.server.backups.rows import dumped
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.tables import Job, JobHistory
from tunesmith.server.kit.access import get_readable, writable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.database import Base
from tunesmith.server.workspaces.tables import Workspace


def collected(session: Session, caller: Caller, workspace_id: UUID) -> Content:
    """The caller's own datasets and experiments of a workspace, with their jobs.

    Raises:
        NotFoundError: the caller may see no such workspace.
    """
    get_readable(session, Workspace, workspace_id, caller)

    def own(table: type[Dataset] | type[Experiment]) -> ColumnElement[bool]:
        return and_(table.workspace_id == workspace_id, writable(table, caller))

    jobs = or_(
        Job.dataset_id.in_(select(Dataset.id).where(own(Dataset))),
        Job.experiment_id.in_(select(Experiment.id).where(own(Experiment))),
    )
    conditions: dict[str, tuple[type[Base], ColumnElement[bool]]] = {
        "datasets": (Dataset, own(Dataset)),
        "experiments": (Experiment, own(Experiment)),
        "jobs": (Job, jobs),
        "history": (JobHistory, JobHistory.job_id.in_(select(Job.id).where(jobs))),
    }
    rows = {kind: _rows(session, table, which) for kind, (table, which) in conditions.items()}
    return Content(str(workspace_id), rows)


def _rows(session: Session, table: type[Base], which: ColumnElement[bool]) -> Rows:
    return [dumped(row) for row in session.scalars(select(table).where(which))]
