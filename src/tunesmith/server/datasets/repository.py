"""Queries on datasets."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import ScalarSelect, Select, or_, select
from sqlalchemy.orm import Session

from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.kit.access import readable
from tunesmith.server.kit.caller import Caller
from tunesmith.server.kit.census import count_of
from tunesmith.server.kit.filters import Exact, is_flag, matches, mentions
from tunesmith.server.kit.json_lists import JsonListHas
from tunesmith.server.kit.queries import from_query
from tunesmith.server.kit.wire import QueryText


@dataclass(frozen=True)
class DatasetFilter:
    """Which datasets a list shows."""

    search: Annotated[QueryText | None, Query(description="Part of the name, description or id.")] = None
    name: Exact = None
    type: Exact = None
    format: Exact = None
    status: Exact = None
    shared: bool | None = None


DatasetFilterDep = Annotated[DatasetFilter, from_query(DatasetFilter)]


def listed(caller: Caller, wanted: DatasetFilter) -> Select[Dataset]:
    """The datasets that the caller may see and asks for."""
    return select(Dataset).where(
        readable(Dataset, caller),
        mentions(Dataset, wanted.search),
        matches(Dataset.name, wanted.name),
        matches(Dataset.type, wanted.type),
        matches(Dataset.format, wanted.format),
        matches(Dataset.status, wanted.status),
        is_flag(Dataset.shared, wanted.shared),
    )


def count(caller: Caller, wanted: DatasetFilter) -> ScalarSelect[int] | None:
    """How many that is, where nobody need look at them to know."""
    return count_of(Dataset, caller) if wanted == DatasetFilter() else None


def experiment_using(session: Session, dataset: Dataset) -> UUID | None:
    """An experiment of the dataset's owner that it is attached to."""
    attached = or_(
        JsonListHas(Experiment.train_datasets, str(dataset.id)),
        Experiment.eval_dataset == dataset.id,
        Experiment.inference_dataset == dataset.id,
        Experiment.calibration_dataset == dataset.id,
    )
    return session.scalar(
        select(Experiment.id).where(Experiment.user_id == dataset.user_id, attached).limit(1)
    )
