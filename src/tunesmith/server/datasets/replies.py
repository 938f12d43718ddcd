"""Datasets as clients see them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tunesmith.data.types import DatasetFormat, DatasetType
from tunesmith.networks.dataset_actions import dataset_actions
from tunesmith.server.datasets.schemas import DatasetReq, DatasetRsp
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.schemas import JobSubset
from tunesmith.server.kit.wire import shown

_COLUMNS = tuple(name for name in DatasetRsp.model_fields if name in Dataset.__table__.columns)
_UNSHOWN = ("skip_validation",)
"""Read at creation, and not shown."""
_DEFAULTS: dict[str, Any] = {
    **DatasetReq().model_dump(mode="json"),
    "type": DatasetType.NOT_RESTRICTED,
    "format": DatasetFormat.DEFAULT,
    "status": PullStatus.INVALID_PULL,
    "use_for": [],
    "validation": {},
}


def reply_to(
    dataset: Dataset,
    jobs: Mapping[UUID, dict[str, JobSubset]],
    *,
    whole: bool = False,
    strict: bool = False,
) -> DatasetRsp:
    """The dataset as clients see it; `whole` adds what its validation found, `strict` fails at odd values.

    Raises:
        ValidationError: a stored value is odd, if strict.
    """
    values: dict[str, Any] = {name: getattr(dataset, name) for name in _COLUMNS}
    values |= {"workspace": dataset.workspace_id, "actions": [*dataset_actions(dataset.type, dataset.format)]}
    for name in _UNSHOWN:
        values.pop(name, None)
    if dataset.id in jobs:
        values["jobs"] = jobs[dataset.id]
    if whole and dataset.report:
        values["validation"] = dataset.report
    return shown(DatasetRsp, values, None if strict else _DEFAULTS)
