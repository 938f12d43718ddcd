"""Datasets as clients see them."""

from collections.abc import Mapping
from uuid import UUID

from tunesmith.data.types import DatasetFormat, DatasetType, Intent
from tunesmith.server.datasets.schemas import DatasetRsp
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.schemas import JobSubset


def reply_to(
    dataset: Dataset, jobs: Mapping[UUID, dict[str, JobSubset]], *, whole: bool = False
) -> DatasetRsp:
    """The dataset as clients see it; `whole` adds what its validation found."""
    extras: dict[str, object] = {"jobs": jobs[dataset.id]} if dataset.id in jobs else {}
    if whole and dataset.report:
        extras["validation"] = dataset.report
    return DatasetRsp(
        id=dataset.id,
        created_on=dataset.created_on,
        last_modified=dataset.last_modified,
        name=dataset.name,
        description=dataset.description,
        version=dataset.version,
        logo=dataset.logo,
        shared=dataset.shared,
        type=DatasetType(dataset.type),
        format=DatasetFormat(dataset.format),
        workspace=dataset.workspace_id,
        url=dataset.url,
        cloud_file_path=dataset.cloud_file_path,
        client_url=dataset.client_url,
        actions=[],
        status=PullStatus(dataset.status),
        status_reason=dataset.status_reason,
        use_for=[Intent(one) for one in dataset.use_for],
        base_experiment=dataset.base_experiment,
        authorized_party_nca_id=dataset.authorized_party_nca_id,
        **extras,
    )
