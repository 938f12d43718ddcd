"""Starts the pull of a dataset, which the scheduler carries out like any job."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.server.datasets.sources import source_of
from tunesmith.server.datasets.states import SETTLED, PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.inputs import PULL, FrozenDataset, FrozenInputs
from tunesmith.server.jobs.removal import remove_jobs
from tunesmith.server.jobs.states import TERMINAL
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.leftovers import remove_folder_later
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.servers import server_ids
from tunesmith.storage.locations import Location
from tunesmith.workers.base import Slot

_OPTIONS = ("skip_validation", "check_all_images")


def frozen_datasets(session: Session, datasets: Sequence[Dataset]) -> list[FrozenDataset]:
    """The datasets as a job keeps them: as they were pulled, under the name and use that they have now.

    They are read from the rows of their pulls, so that a copy outlives its workspace.
    """
    ids = [dataset.id for dataset in datasets]
    query = select(Job.dataset_id, Job.inputs).where(Job.dataset_id.in_(ids), Job.internal)
    pulled = {dataset_id: _pulled(inputs) for dataset_id, inputs in session.execute(query)}
    return [
        pulled[dataset.id].model_copy(update={"name": dataset.name, "intents": tuple(dataset.use_for)})
        for dataset in datasets
    ]


def start_pull(session: Session, dataset: Dataset, settings: Settings) -> None:
    """Have the dataset pulled; without a source it is invalid at once, and says so.

    Raises:
        BadRequestError: its cloud_file_path is no path within the workspace.
    """
    session.flush()
    source = source_of(session, dataset, settings)
    if source is None:
        missing = "cloud_file_path" if dataset.workspace_id else "workspace"
        dataset.status = PullStatus.INVALID_PULL
        dataset.status_reason = (
            f"The dataset has no {missing}: PATCH it with workspace and cloud_file_path, or with url."
        )
        return
    frozen = FrozenInputs(train_datasets=(_to_pull(dataset, source),))
    dataset.status, dataset.status_reason, dataset.report = PullStatus.STARTING, "", {}
    session.flush()
    session.add(
        Job(
            org_id=dataset.org_id,
            user_id=dataset.user_id,
            dataset_id=dataset.id,
            internal=True,
            action=PULL,
            slot=Slot.IO,
            specs={name: True for name in _OPTIONS if getattr(dataset, name)},
            inputs=frozen.dump(),
        )
    )


def pull_again(session: Session, dataset: Dataset, settings: Settings) -> None:
    """Pull a new revision; the copies of older ones that no job needs go.

    Raises:
        BadRequestError: a pull is on its way.
    """
    if dataset.status not in SETTLED:
        raise BadRequestError(
            f"Dataset {dataset.id} is being pulled ({dataset.status}): change its source after that"
        )
    ended = session.scalars(select(Job).where(Job.dataset_id == dataset.id, Job.internal)).all()
    remove_jobs(session, ended, settings)
    needed = set(revisions_in_use(session, dataset.id).values())
    for revision in set(range(1, dataset.revision + 1)) - needed:
        copies = copies_of(settings, dataset.id) / str(revision)
        remove_folder_later(session, settings, copies, server_ids(session))
    dataset.revision += 1
    start_pull(session, dataset, settings)


def revisions_in_use(session: Session, dataset_id: UUID) -> dict[UUID, int]:
    """The jobs that wait for or work on a dataset, its pull apart, each with the revision it uses."""
    unfinished = select(Job.id, Job.inputs).where(Job.status.not_in(TERMINAL), Job.internal.is_(False))
    return {
        job_id: one.revision
        for job_id, inputs in session.execute(unfinished)
        for one in FrozenInputs.load(inputs).datasets()
        if one.id == dataset_id
    }


def copies_of(settings: Settings, dataset_id: UUID) -> Path:
    """The folder with the pulled copies of a dataset, one a revision."""
    return settings.datasets_dir / str(dataset_id)


def _to_pull(dataset: Dataset, source: Location) -> FrozenDataset:
    return FrozenDataset(
        id=dataset.id,
        revision=dataset.revision,
        name=dataset.name,
        type=dataset.type,
        format=dataset.format,
        intents=tuple(dataset.use_for),
        source=source,
    )


def _pulled(inputs: dict[str, Any]) -> FrozenDataset:
    return FrozenInputs.load(inputs).train_datasets[0]
