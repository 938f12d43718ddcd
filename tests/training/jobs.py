"""Makes and runs jobs without a server: a workspace folder, a pulled dataset, requests."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from tunesmith.protocol import (
    DatasetInput,
    Event,
    EventTail,
    JobFolder,
    JobRequest,
    Note,
    ParentInput,
    Resources,
    ResultsTarget,
)
from tunesmith.storage.locations import FolderStore, Location, Store
from tunesmith.storage.patience import PATIENT, Patience
from tunesmith.training.actions import run_action
from tunesmith.training.run import Run

PLAIN = {
    f"dataset.augmentation.{key}": False
    for key in (
        "random_flip.enable",
        "random_rotate.enable",
        "random_color.enable",
        "random_erase.enable",
        "random_aug.enable",
        "with_scale_random_crop.enable",
        "with_random_blur",
        "with_random_crop",
    )
}
"""No augmentation at all."""

SMALL = PLAIN | {
    "model.backbone.type": "test_resnet",
    "dataset.img_size": 32,
    "dataset.batch_size": 32,
    "dataset.workers": 0,
    "train.num_epochs": 1,
    "train.optim.lr": 2e-3,
    "train.precision": "fp32",
}
"""A spec that trains within a second or two on a few hundred digits."""


def nested(keys: Mapping[str, Any]) -> dict[str, Any]:
    """A spec from dotted keys."""
    spec: dict[str, Any] = {}
    for path, value in keys.items():
        section = spec
        *names, last = path.split(".")
        for name in names:
            section = section.setdefault(name, {})
        section[last] = value
    return spec


@dataclass
class Finished:
    """A job that ended well."""

    run: Run
    outcome: dict[str, Any]

    @property
    def results(self) -> Path:
        return self.run.results

    @property
    def events(self) -> list[Event]:
        return events_of(self.run)

    @property
    def notes(self) -> list[str]:
        return notes_of(self.run)

    def parent(self, *files: str) -> ParentInput:
        """This job as the parent of another."""
        request = self.run.request
        assert request.results is not None
        return ParentInput(
            job_id=request.job_id,
            action=request.action,
            results=request.results.location,
            specs=request.specs,
            files=files,
        )


def events_of(run: Run) -> list[Event]:
    return list(EventTail(run.folder).read())


def notes_of(run: Run) -> list[str]:
    return notes_in(run.folder.root)


def notes_in(folder: Path) -> list[str]:
    """The notes in a job folder."""
    return [event.message for event in EventTail(JobFolder(folder)).read() if isinstance(event, Note)]


class Bench:
    """A workspace and the jobs in it.

    Attributes:
        secrets: of the stores that jobs are given, by the stores' ids.
        patience: with these stores.
    """

    def __init__(self, root: Path, patience: Patience = PATIENT) -> None:
        self.root = root
        self.workspace = FolderStore(id="workspace", path=root / "workspace")
        self.workspace.path.mkdir()
        self.secrets: dict[str, Mapping[str, str]] = {}
        self.patience = patience

    def dataset(
        self, source: Path, name: str = "digits", kind: str = "image_classification classification_pyt"
    ) -> DatasetInput:
        """A dataset in a folder, which a job pulls when it needs it; its kind is type and format."""
        dataset_type, dataset_format = kind.split()
        return DatasetInput(
            id=uuid4(),
            name=name,
            type=dataset_type,
            format=dataset_format,
            source=Location(store=FolderStore(id=name, path=source)),
            cache=self.root / "caches" / name,
        )

    def prepare(
        self,
        action: str,
        specs: Mapping[str, Any],
        *,
        folder: Path | None = None,
        stop: threading.Event | None = None,
        job_id: UUID | None = None,
        store: Store | None = None,
        network: str = "classification_pyt",
        **request: Any,
    ) -> Run:
        """A job that is ready to run.

        A folder given again continues that job's folder; a job's id given again with another folder is the
        job on another machine.
        """
        job_id = job_id or uuid4()
        results = Location(store=store or self.workspace, prefix=f"results/{job_id}")
        request = {"resources": Resources(threads=1)} | request
        job = JobFolder(folder or self.root / str(job_id))
        job.create(
            JobRequest(
                job_id=job_id,
                action=action,
                network=network,
                specs=nested(specs),
                results=ResultsTarget(location=results),
                **request,
            )
        )
        return Run(job, self.secrets, stop, patience=self.patience)

    def run(self, action: str, specs: Mapping[str, Any], **request: Any) -> Finished:
        """Run a job to its end, and publish its results."""
        run = self.prepare(action, specs, **request)
        outcome = run_action(run)
        run.publish()
        return Finished(run, outcome)
