"""What a server knows of a model that is to be published: its job, what it was trained on, what it scores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.networks.catalogue import BaseModelEntry, catalogue
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.checkpoints import BEST, LATEST, choose_files, epoch_of
from tunesmith.server.jobs.details import Curve, Details
from tunesmith.server.jobs.freezing import TRAINS
from tunesmith.server.jobs.inputs import FrozenInputs
from tunesmith.server.jobs.places import results_key, workspace_of
from tunesmith.server.jobs.states import Status
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.secrets import Vault
from tunesmith.specs import Action
from tunesmith.storage.files import FileInfo, Files

_LABELS = "labels.txt"


@dataclass(frozen=True)
class UsedDataset:
    """A dataset of a training: `uses` are training, validation or both.

    `counts` are those of its report, and none if that is of another revision.
    """

    uses: tuple[str, ...]
    name: str
    type: str
    format: str
    counts: Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """What a job measured of exactly this model."""

    job_id: UUID
    dataset: str
    dataset_type: str
    metrics: Curve


@dataclass(frozen=True)
class Source:
    """The job of a model, read from the database at once.

    Attributes:
        workspace: where the results of the job are.
        trained: the training that the model comes from; the job itself, or one before it.
        datasets: what that training used.
        bases: the published models that it began with.
        evaluations: for a job with one model only; of a training it is not known which one was measured.
    """

    job: Job
    experiment: Experiment
    workspace: Files
    trained: Job | None
    datasets: tuple[UsedDataset, ...]
    bases: tuple[BaseModelEntry, ...]
    evaluations: tuple[Evaluation, ...]

    @classmethod
    def read(cls, session: Session, job: Job, vault: Vault) -> "Source":
        """Gather it.

        Raises:
            NotFoundError: the job has no workspace, or the workspace was deleted.
        """
        trained = next((one for one in _line(session, job) if one.action in TRAINS), None)
        frozen = _frozen(trained)
        known = (catalogue().get(one) for one in frozen.base_models)
        return cls(
            job=job,
            experiment=session.get_one(Experiment, job.experiment_id),
            workspace=workspace_of(session, vault, job),
            trained=trained,
            datasets=tuple(_datasets(session, frozen)),
            bases=tuple(entry for entry in known if entry),
            evaluations=() if job.action in TRAINS else tuple(_evaluations(session, job)),
        )

    @property
    def details(self) -> Details:
        """What the job's worker told."""
        return Details.load(self.job.details)

    @cached_property
    def model(self) -> "Model":
        """The model that a child of the job would get.

        Raises:
            NoSuchModelError: it is not there.
            StorageError: the results cannot be listed.
        """
        prefix = f"{results_key(self.job)}/"
        found = {info.key.removeprefix(prefix): info for info in self.workspace.list(prefix)}
        keys = choose_files(
            self.job.action,
            self.experiment.checkpoint_choose_method,
            self.experiment.checkpoint_epoch_number,
            self.job.id,
            list(found),
        )
        # A large graph has its weights beside it, and what its outputs are called.
        beside = (f"{keys[0]}.data", _LABELS)
        return Model(keys[0], {key: found[key] for key in (*keys, *beside) if key in found}, self.details)


@dataclass(frozen=True)
class Model:
    """The files of a model: `key` is the one to open, `files` all of them by their name in the results."""

    key: str
    files: Mapping[str, FileInfo]
    details: Details

    @property
    def epoch(self) -> int:
        """The epoch that a checkpoint is of; 0 for a model that was made without epochs."""
        known = {BEST: self.details.best_epoch, LATEST: self.details.latest_epoch}
        return epoch_of(self.key) or known.get(self.key) or 0

    @property
    def is_best(self) -> bool:
        """Whether the results of the job are those of this model."""
        return self.epoch == (self.details.best_epoch or 0)

    @property
    def metrics(self) -> Curve:
        """What the job itself measured of this model."""
        if self.is_best:
            return self.details.results
        at = str(self.epoch)
        return {name: curve[at] for name, curve in self.details.curves.items() if at in curve}


def _line(session: Session, job: Job) -> Iterator[Job]:
    """The job, its parent, the parent of that, and so on."""
    found: Job | None = job
    while found:
        yield found
        found = session.get(Job, found.parent_id) if found.parent_id else None


def _frozen(job: Job | None) -> FrozenInputs:
    try:
        return FrozenInputs.load(job.inputs if job else {})
    except ValidationError:
        return FrozenInputs()  # of a damaged row nothing is told


def _datasets(session: Session, frozen: FrozenInputs) -> Iterator[UsedDataset]:
    trained, validated = frozen.train_datasets, frozen.eval_dataset
    for one in frozen.datasets():
        uses = {"training": one in trained, "validation": one == validated}
        row = session.get(Dataset, one.id)
        counts = row.report.get("counts") if row and row.revision == one.revision else None
        yield UsedDataset(
            uses=tuple(use for use, applies in uses.items() if applies),
            name=one.name,
            type=one.type,
            format=one.format,
            counts=counts if isinstance(counts, Mapping) else {},
        )


def _evaluations(session: Session, job: Job) -> Iterator[Evaluation]:
    query = select(Job).where(Job.parent_id == job.id, Job.action == Action.EVALUATE)
    for one in session.scalars(query.where(Job.status == Status.DONE).order_by(Job.created_on)):
        results = Details.load(one.details).results
        used = _frozen(one).datasets()
        if results and used:
            yield Evaluation(one.id, used[0].name, used[0].type, results)
