"""Queries on workspaces."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import ScalarSelect, Select, select, update
from sqlalchemy.orm import Session

from tunesmith.server.datasets import repository as datasets
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.kit.access import readable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.census import count_of
from tunesmith.server.kit.filters import Exact, is_flag, matches, mentions
from tunesmith.server.kit.queries import from_query
from tunesmith.server.kit.wire import CloudType, QueryText
from tunesmith.server.workspaces.tables import Workspace


@dataclass(frozen=True)
class WorkspaceFilter:
    """Which workspaces a list shows."""

    search: Annotated[QueryText | None, Query(description="Part of the name or id.")] = None
    name: Exact = None
    cloud_type: Exact = None
    shared: bool | None = None


WorkspaceFilterDep = Annotated[WorkspaceFilter, from_query(WorkspaceFilter)]


def listed(caller: Caller, wanted: WorkspaceFilter) -> Select[Workspace]:
    """The workspaces that the caller may see and asks for."""
    return select(Workspace).where(
        readable(Workspace, caller),
        mentions(Workspace, wanted.search),
        matches(Workspace.name, wanted.name),
        matches(Workspace.cloud_type, wanted.cloud_type),
        is_flag(Workspace.shared, wanted.shared),
    )


def count(caller: Caller, wanted: WorkspaceFilter) -> ScalarSelect[int] | None:
    """How many that is, where nobody need look at them to know."""
    return count_of(Workspace, caller) if wanted == WorkspaceFilter() else None


def hosted_for_others(session: Session, org_id: UUID) -> list[Workspace]:
    """The workspaces of other organisations that may be folders of this machine."""
    query = select(Workspace).where(
        Workspace.org_id != org_id, Workspace.cloud_type == CloudType.SELF_HOSTED.value
    )
    return list(session.scalars(query))


def experiment_using(session: Session, workspace_id: UUID) -> UUID | None:
    """An experiment that is in the workspace, or that has one of its datasets attached."""
    within = session.scalar(select(Experiment.id).where(Experiment.workspace_id == workspace_id).limit(1))
    if within:
        return within
    inside = session.scalars(select(Dataset).where(Dataset.workspace_id == workspace_id))
    users = (datasets.experiment_using(session, dataset) for dataset in inside)
    return next((user for user in users if user), None)


def let_go_of_datasets(session: Session, workspace_id: UUID) -> None:
    """Datasets outlive their workspace: what was pulled stays."""
    session.execute(update(Dataset).where(Dataset.workspace_id == workspace_id).values(workspace_id=None))
