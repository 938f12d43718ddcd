import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select
from tests.ray_cluster import RayCluster
from tests.server.scheduling.report_desk import ReportDesk

from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.inputs import FrozenDataset, FrozenInputs
from tunesmith.server.jobs.states import TERMINAL
from tunesmith.server.jobs.tables import Job, JobHistory
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.migrations import migrate
from tunesmith.server.orgs.tables import Org, User
from tunesmith.server.scheduling.executors.choice import ground_of
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.scheduler import Scheduler
from tunesmith.server.workspaces.tables import Workspace
from tunesmith.storage.locations import FolderStore, Location

HERE = Path(__file__).parent
ACTIONS = ("scheduling_actions",)


BOTH = pytest.mark.parametrize("house", ["local", "ray"], indirect=True)
"""For tests of what must be the same wherever jobs run."""


def on_cluster(cluster: RayCluster) -> dict[str, Any]:
    """The settings of a server whose jobs run on that cluster."""
    return {"executor": "ray", "ray_address": cluster.address, "ray_job_cpus": 1}


@dataclass
class House:
    """A database with one of everything, and a scheduler whose actions end in known ways."""

    settings: Settings
    database: Database
    vault: Vault
    hint: Hint = field(default_factory=Hint)
    scheduler: Scheduler | None = None
    desk: ReportDesk | None = None
    experiment_id: UUID = field(init=False)
    org_id: UUID = field(init=False)
    user_id: UUID = field(init=False)
    workspace: Location = field(init=False)

    def furnish(self) -> None:
        migrate(self.database.engine)
        with self.database.write() as session:
            org = Org(name="acme")
            session.add(org)
            session.flush()
            user = User(org_id=org.id, name="ada")
            session.add(user)
            session.flush()
            self.org_id, self.user_id = org.id, user.id
            space = Workspace(
                org_id=org.id, user_id=user.id, name="w", version="1", cloud_type="self_hosted", store={}
            )
            session.add(space)
            session.flush()
            folder = self.settings.data_dir / "space"
            self.workspace = Location(store=FolderStore(id=str(space.id), path=folder))
            folder.mkdir()
            experiment = Experiment(
                org_id=org.id,
                user_id=user.id,
                name="e",
                description="",
                version="1",
                network_arch="classification_pyt",
                workspace_id=space.id,
            )
            session.add(experiment)
            session.flush()
            self.experiment_id = experiment.id

    def start(self) -> None:
        if self.settings.executor == "ray" and not self.desk:
            self.desk = ReportDesk(self.settings, self.database)
            self.settings = self.settings.model_copy(update={"callback_url": self.desk.url})
        ground = ground_of(self.settings, self.database, self.hint.wake_here, ACTIONS, ACTIONS)
        self.scheduler = Scheduler(self.settings, self.database, self.vault, self.hint, ground)
        self.scheduler.start()

    def stop(self) -> None:
        if self.scheduler:
            self.scheduler.stop()
            self.scheduler = None

    def close(self) -> None:
        self.stop()
        if self.desk:
            self.desk.close()

    def post(self, action: str, **columns: Any) -> UUID:
        columns = {"experiment_id": self.experiment_id, "inputs": FrozenInputs().dump()} | columns
        with self.database.write() as session:
            job = Job(org_id=self.org_id, user_id=self.user_id, action=action, **columns)
            session.add(job)
            session.flush()
            job_id = job.id
        self.hint.wake()
        return job_id

    def dataset(self, status: str = "starting", reason: str = "") -> UUID:
        with self.database.write() as session:
            dataset = Dataset(
                org_id=self.org_id,
                user_id=self.user_id,
                name="d",
                description="",
                version="1",
                logo="",
                type="image_classification",
                format="classification_pyt",
                status=status,
                status_reason=reason,
            )
            session.add(dataset)
            session.flush()
            return dataset.id

    def trains_on(self, dataset_id: UUID) -> dict[str, Any]:
        """The inputs of a job that was posted when the dataset was at its first revision."""
        frozen = FrozenDataset(
            id=dataset_id,
            revision=1,
            name="d",
            type="image_classification",
            format="classification_pyt",
            source=self.workspace,
        )
        return FrozenInputs(train_datasets=(frozen,)).dump()

    def job(self, job_id: UUID) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def details(self, job_id: UUID) -> Details:
        return Details.model_validate(self.job(job_id).details)

    def history(self, job_id: UUID) -> list[tuple[str, str]]:
        with self.database.read() as session:
            rows = session.scalars(
                select(JobHistory).where(JobHistory.job_id == job_id).order_by(JobHistory.at)
            )
            return [(row.from_status, row.to_status) for row in rows]

    def until(self, job_id: UUID, condition: Callable[[Job], bool], seconds: float = 30) -> Job:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.job(job_id)
            if condition(job):
                return job
            time.sleep(0.01)
        raise AssertionError(f"{self.job(job_id).status} {self.job(job_id).waits_for!r} after {seconds} s")

    def until_ended(self, job_id: UUID) -> Job:
        return self.until(job_id, lambda job: job.status in TERMINAL)

    def until_running(self, job_id: UUID) -> Job:
        return self.until(job_id, lambda job: Details.model_validate(job.details).status == "RUNNING")


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house whose jobs run on this machine, or on a cluster for a test that is parametrised with `ray`."""
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(HERE))
    settings = Settings(data_dir=tmp_path, cpu_slots=1, io_slots=1, max_restarts=0)
    if getattr(request, "param", "local") == "ray":
        settings = settings.model_copy(update=on_cluster(request.getfixturevalue("ray_cluster")))
    database = Database(settings.resolved_database_url)
    house = House(settings, database, Vault(Fernet.generate_key()))
    house.furnish()
    yield house
    house.close()
    database.dispose()
    sys.modules.pop("scheduling_actions", None)
