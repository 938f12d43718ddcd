"""The jobs that wait, and what each of them waits for: worked out for all at once, in a few queries.

The scheduler looks at each hint, and hundreds of jobs may wait: what a look costs must not grow by
queries a job.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from tunesmith.protocol import Cause
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.inputs import PULL, PULL_MODEL, FrozenInputs
from tunesmith.server.jobs.states import TERMINAL, WAITING, Status
from tunesmith.server.jobs.tables import Job
from tunesmith.server.models.pulls import obstacle_of
from tunesmith.server.models.tables import PulledModel
from tunesmith.server.scheduling.executors.base import Slot
from tunesmith.server.scheduling.slots import SlotPool

_PULLS = (PULL, PULL_MODEL)
_CHUNK = 500


class _Row(NamedTuple):
    """What decides of a job, without its specs and details, which may be large."""

    id: UUID
    action: str
    slot: str
    gpus: int
    waits_for: str
    parent_id: UUID | None
    parent_status: str | None


class _Pulled(NamedTuple):
    """How far a dataset is."""

    name: str
    revision: int
    status: str
    status_reason: str


@dataclass(frozen=True)
class _Needs:
    """What was frozen when the job was posted: the revision of each dataset, and base experiments."""

    datasets: Mapping[UUID, int]
    models: tuple[UUID, ...]

    @classmethod
    def of(cls, inputs: dict[str, Any]) -> "_Needs":
        """From a job's row.

        Raises:
            ValueError: they make no sense.
        """
        frozen = FrozenInputs.load(inputs)
        return cls({one.id: one.revision for one in frozen.datasets()}, frozen.base_models)


@dataclass
class Queue:
    """The waiting jobs. It remembers what each of them needs, which never changes while a job waits."""

    _needs: dict[UUID, _Needs] = field(default_factory=dict)

    def due(self, session: Session, pool: SlotPool) -> list[UUID]:
        """The jobs to do something about, oldest first: they can start, end here, or say something new.

        `pool` is a copy, in which the jobs that can start take their slots.

        A job whose row makes no sense is due too: whoever claims it finds out.
        """
        rows = _rows(session, Job.status.in_(WAITING))
        self._needs = {row.id: self._needs[row.id] for row in rows if row.id in self._needs}
        outlook = _Outlook(session, rows, self._needs)
        return [row.id for row in rows if outlook.is_due(row, pool)]


def obstacle(session: Session, job: Job) -> str | Details:
    """What a job waits for ("" for nothing), or the failure that keeps it from ever running.

    Raises:
        ValueError: its row makes no sense.
    """
    (row,) = _rows(session, Job.id == job.id)
    return _Outlook(session, [row], {job.id: _Needs.of(job.inputs)}).obstacle(row)


def _rows(session: Session, which: ColumnElement[bool]) -> list[_Row]:
    parent = aliased(Job)
    query = (
        select(Job.id, Job.action, Job.slot, Job.gpus, Job.waits_for, Job.parent_id, parent.status)
        .outerjoin(parent, parent.id == Job.parent_id)
        .where(which)
        .order_by(Job.created_on, Job.id)
    )
    return [_Row(*found) for found in session.execute(query)]


class _Outlook:
    """What the database says at one moment of all that some jobs may wait for."""

    def __init__(self, session: Session, rows: Sequence[_Row], needs: dict[UUID, _Needs]) -> None:
        self._needs = needs
        unknown = [row.id for row in rows if row.action not in _PULLS and row.id not in needs]
        for chunk in _chunks(unknown):
            for job_id, inputs in session.execute(select(Job.id, Job.inputs).where(Job.id.in_(chunk))):
                with suppress(ValueError):  # whoever claims the job finds out
                    needs[job_id] = _Needs.of(inputs)
        self._datasets = _datasets(session, {one for need in needs.values() for one in need.datasets})
        models = {one for need in needs.values() for one in need.models}
        self._models = {
            one.id: one for one in session.scalars(select(PulledModel).where(PulledModel.id.in_(models)))
        }

    def is_due(self, row: _Row, pool: SlotPool) -> bool:
        """Whether there is something to do about a job. If it can start, it takes its slot in the pool."""
        try:
            slot = Slot(row.slot)
        except ValueError:
            return True
        if row.action not in _PULLS and row.id not in self._needs:
            return True
        found = self.obstacle(row)
        if isinstance(found, Details):
            return True
        if not found and pool.has_room(slot, row.gpus):
            pool.take(slot, row.gpus)
            return True
        return row.waits_for != (found or pool.shortage(slot, row.gpus))

    def obstacle(self, row: _Row) -> str | Details:
        """What a job waits for ("" for nothing), or the failure that keeps it from ever running."""
        if row.parent_id is not None:
            if row.parent_status == Status.ERROR:
                return Details.of_failure(Cause.PARENT, f"The parent job {row.parent_id} ended in an error.")
            if row.parent_status not in TERMINAL:
                return f"Waits for the parent job {row.parent_id}, which is {row.parent_status}"
        if row.action in _PULLS:
            return ""
        needs = self._needs[row.id]
        return self._dataset_obstacle(needs.datasets) or self._model_obstacle(needs.models)

    def _dataset_obstacle(self, wanted: Mapping[UUID, int]) -> str | Details:
        for identity, revision in wanted.items():
            dataset = self._datasets.get(identity)
            if dataset is None or dataset.revision != revision:
                continue  # pulled anew since the job was posted: the job has a copy of its own
            name = f"dataset {dataset.name} ({identity})"
            if dataset.status == PullStatus.INVALID_PULL:
                return Details.of_failure(
                    Cause.BAD_DATA, f"The {name} is not usable: {dataset.status_reason}"
                )
            if dataset.status != PullStatus.PULL_COMPLETE:
                return f"Waits for the {name} to be pulled"
        return ""

    def _model_obstacle(self, wanted: tuple[UUID, ...]) -> str | Details:
        found, in_vain = obstacle_of(self._models, wanted)
        return Details.of_failure(Cause.STORAGE, found) if in_vain else found


def _datasets(session: Session, ids: Collection[UUID]) -> dict[UUID, _Pulled]:
    found: dict[UUID, _Pulled] = {}
    columns = (Dataset.id, Dataset.name, Dataset.revision, Dataset.status, Dataset.status_reason)
    for chunk in _chunks(ids):
        for identity, *how_far in session.execute(select(*columns).where(Dataset.id.in_(chunk))):
            found[identity] = _Pulled._make(how_far)
    return found


def _chunks(ids: Collection[UUID]) -> Iterable[list[UUID]]:
    listed = list(ids)
    return (listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK))
