"""A server with as many experiments as wanted, and one of everything to read, change and give jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from bench.house import Server
from tunesmith.data.digits import write_digits
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.schemas import ENCRYPTION_KEY, Echoed
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import Base, Database, now
from tunesmith.server.kit.settings import Settings
from tunesmith.server.opening import open_database

JOBS_EACH = 2
_CHUNK = 5_000


@dataclass(frozen=True)
class Site:
    """The server and what stands on it. The job waits for its dataset, and so does every other one."""

    started: Server
    database: Database
    token: str
    dataset_id: str
    experiment_id: str
    job_id: str

    @classmethod
    def furnish(cls, started: Server) -> "Site":
        """Put one of everything there, through the API."""
        root = started.data_dir / "workspaces" / "bench"
        write_digits(root / "digits", train=20, val=10, test=10)
        url = started.environment.get("TUNESMITH_DATABASE_URL")
        database = open_database(Settings(data_dir=started.data_dir, database_url=url))
        with started.client() as client:
            space = client.workspaces.create("bench", "self_hosted", {"path": str(root)})
            data = client.datasets.create(
                "image_classification", "classification_pyt", workspace=space.id, cloud_file_path="/digits"
            )
            client.datasets.wait(data.id)
            with database.write() as session:  # as if it were being pulled: its jobs wait for that
                session.execute(update(Dataset).values(status="in_progress"))
            experiment = client.experiments.create(
                "classification_pyt", workspace=space.id, train_datasets=[data.id]
            )
            job = client.jobs.create(experiment.id, "train", {})
            token = client.login(started.new_key()).token
        return cls(started, database, token, data.id, experiment.id, job.id)

    def fill(self, wanted: int) -> None:
        """Have this many experiments, each with some ended jobs."""
        with self.database.write() as session:
            there = session.scalars(select(Experiment)).all()
            owner = {"org_id": there[0].org_id, "user_id": there[0].user_id}
            experiments = [_experiment(there[0], owner, age) for age in range(1, wanted - len(there) + 1)]
            of_job = owner | {"action": "train", "network": "classification_pyt", "status": "Done"}
            jobs = [
                of_job | {"id": uuid4(), "experiment_id": row["id"]}
                for row in experiments
                for _ in range(JOBS_EACH)
            ]
            _insert(session, Experiment, experiments)
            _insert(session, Job, jobs)


def _experiment(model: Experiment, owner: dict[str, UUID], age: int) -> dict[str, Any]:
    return owner | {
        "id": uuid4(),
        "name": f"experiment {age}",
        "created_on": now() - timedelta(seconds=age),
        "workspace_id": model.workspace_id,
        "network_arch": model.network_arch,
        "description": model.description,
        "version": model.version,
        "echoed": Echoed().model_dump(mode="json") | {"encryption_key": ENCRYPTION_KEY},
    }


def _insert(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _CHUNK):
        session.execute(insert(table), rows[start : start + _CHUNK])
