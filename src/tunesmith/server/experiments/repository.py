"""Queries on experiments."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import ScalarSelect, Select, case, select
from sqlalchemy.orm import Session, undefer

from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.kit import access
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.census import count_of
from tunesmith.server.kit.errors import NotFoundError
from tunesmith.server.kit.filters import Exact, holds, is_flag, matches, mentions
from tunesmith.server.kit.queries import from_query
from tunesmith.server.kit.wire import QueryText

_TYPE = case((Experiment.network_arch.startswith("monai_", autoescape=True), "medical"), else_="vision")


@dataclass(frozen=True)
class ExperimentFilter:
    """Which experiments a list shows."""

    search: Annotated[QueryText | None, Query(description="Part of the name, description or id.")] = None
    name: Exact = None
    type: Exact = None
    network_arch: Exact = None
    status: Exact = None
    tag: Exact = None
    tags: Exact = None
    read_only: bool | None = None
    shared: bool | None = None
    user_only: Annotated[bool, Query(description="Leave out what others made public.")] = False


ExperimentFilterDep = Annotated[ExperimentFilter, from_query(ExperimentFilter)]


def listed(caller: Caller, wanted: ExperimentFilter) -> Select[Experiment]:
    """The experiments that the caller may see and asks for, with their status."""
    visible = (access.at_home if wanted.user_only else access.readable)(Experiment, caller)
    return _with_status().where(
        visible,
        mentions(Experiment, wanted.search),
        matches(Experiment.name, wanted.name),
        matches(_TYPE, wanted.type),
        matches(Experiment.network_arch, wanted.network_arch),
        matches(Experiment.status, wanted.status),
        holds(Experiment.tags, wanted.tag),
        holds(Experiment.tags, wanted.tags),
        is_flag(Experiment.read_only, wanted.read_only),
        is_flag(Experiment.shared, wanted.shared),
    )


def count(caller: Caller, wanted: ExperimentFilter) -> ScalarSelect[int] | None:
    """How many that is, where nobody need look at them to know."""
    return count_of(Experiment, caller) if wanted == ExperimentFilter() else None


def get_readable(session: Session, experiment_id: UUID, caller: Caller) -> Experiment:
    """An experiment, to be read, with its status.

    Raises:
        NotFoundError: there is none of that id that the caller may see.
    """
    found = session.scalar(
        _with_status().where(Experiment.id == experiment_id, access.readable(Experiment, caller))
    )
    if found is None:
        raise NotFoundError.of("Experiment", experiment_id)
    return found


def tags(session: Session, caller: Caller) -> Iterable[list[str]]:
    """The tags of each experiment that is the caller's or shared, the oldest experiment first."""
    return session.scalars(
        select(Experiment.tags).where(access.at_home(Experiment, caller)).order_by(Experiment.created_on)
    )


def _with_status() -> Select[Experiment]:
    return select(Experiment).options(undefer(Experiment.status))
