"""A server's resources on a real database, and the people who ask it over HTTP."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select, update
from starlette.testclient import TestClient

from tunesmith.protocol import JobFolder
from tunesmith.server.auth import keys
from tunesmith.server.auth.tokens import Claims, TokenSigner
from tunesmith.server.jobs.states import Status, transition
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling import servers
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.resources import Capacity
from tunesmith.server.tables import ApiKey, Dataset, Job, Org, User, Workspace
from tunesmith.storage.locations import FolderStore
from tunesmith.workers.machine import Node


class CountingHint(Hint):
    """Counts how often the scheduler was woken."""

    def __init__(self) -> None:
        super().__init__()
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1
        super().wake()


@dataclass
class Person:
    """Somebody who is logged in."""

    name: str
    org: str
    user_id: UUID
    org_id: UUID
    token: str
    http: TestClient

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        url = f"/api/v1/orgs/{self.org}/{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        content = None if body is None else json.dumps(body)
        return self.http.request(method, url, content=content, params=query, headers=headers)

    def get(self, path: str, **query: Any) -> Any:
        return self._good(self.ask("GET", path, **query))

    def post(self, path: str, body: Any = None) -> Any:
        return self._good(self.ask("POST", path, body))

    def patch(self, path: str, body: Any) -> Any:
        return self._good(self.ask("PATCH", path, body))

    def delete(self, path: str) -> Any:
        return self._good(self.ask("DELETE", path))

    def refused(self, status: int, method: str, path: str, body: Any = None, **query: Any) -> str:
        """The sentence with which a request is refused."""
        reply = self.ask(method, path, body, **query)
        assert reply.status_code == status, reply.text
        assert reply.json()["error_code"] in {status, 1}
        text: str = reply.json()["error_desc"]
        return text

    @staticmethod
    def _good(reply: Any) -> Any:
        assert reply.status_code == 200, reply.text
        return reply.json()


@dataclass
class House:
    """The server's parts, for what clients cannot see or do."""

    settings: Settings
    database: Database
    vault: Vault
    hint: CountingHint
    app: FastAPI
    signer: TokenSigner
    http: TestClient

    def move_in(self, name: str, org: str) -> Person:
        with self.database.write() as session:
            home = session.scalar(select(Org).where(Org.name == org)) or Org(name=org)
            session.add(home)
            session.flush()
            user = User(org_id=home.id, name=name)
            session.add(user)
            session.flush()
            key = ApiKey(user_id=user.id, digest=keys.digest(f"{org}/{name}"), hint="tsk_")
            session.add(key)
            session.flush()
            token = self.signer.sign(Claims(user_id=user.id, org_name=org, key_id=key.id))
            return Person(name, org, user.id, home.id, token, self.http)

    def workspace(self, owner: Person, *, shared: bool = False) -> str:
        folder = self.settings.data_dir / f"space-{owner.name}"
        folder.mkdir(exist_ok=True)
        with self.database.write() as session:
            space = Workspace(
                org_id=owner.org_id,
                user_id=owner.user_id,
                shared=shared,
                name="space",
                version="1.0.0",
                cloud_type="self_hosted",
                store={},
            )
            session.add(space)
            session.flush()
            space.store = FolderStore(id=str(space.id), path=folder).model_dump(mode="json")
            return str(space.id)

    def folder_of(self, owner: Person) -> Path:
        return self.settings.data_dir / f"space-{owner.name}"

    def move(self, job_id: str, *path: Status) -> None:
        """Take a job through states, as the scheduler does."""
        with self.database.write() as session:
            for status in path:
                transition(session, UUID(job_id), status, "test")

    def insert(self, of: Person, dataset_id: str, action: str, status: str = "Pending") -> str:
        """A job of a dataset, as if its type had that action."""
        with self.database.write() as session:
            job = Job(
                org_id=of.org_id,
                user_id=of.user_id,
                dataset_id=UUID(dataset_id),
                action=action,
                status=status,
            )
            session.add(job)
            session.flush()
            return str(job.id)

    def change(self, job_id: str, **values: Any) -> None:
        with self.database.write() as session:
            session.execute(update(Job).where(Job.id == UUID(job_id)).values(values))

    def job(self, job_id: str) -> Job | None:
        with self.database.read() as session:
            return session.get(Job, UUID(job_id))

    def pull_of(self, dataset_id: str) -> Job:
        with self.database.read() as session:
            return session.scalars(select(Job).where(Job.dataset_id == UUID(dataset_id), Job.internal)).one()

    def settle_pull(self, dataset_id: str, status: str = "pull_complete", reason: str = "") -> None:
        """End a dataset's pull, as the scheduler does."""
        pull = self.pull_of(dataset_id)
        self.move(str(pull.id), Status.RUNNING, Status.DONE)
        values = {"status": status, "status_reason": reason, "report": {"counts": {"files": 2}}}
        with self.database.write() as session:
            session.execute(update(Dataset).where(Dataset.id == UUID(dataset_id)).values(values))

    def folder(self, job_id: str) -> JobFolder:
        return JobFolder(self.settings.jobs_dir / job_id)


@dataclass
class Lab:
    """Ada's experiment with pulled datasets, ready to train."""

    house: House
    ada: Person
    space: str
    train: str
    val: str
    id: str

    @property
    def path(self) -> str:
        return f"experiments/{self.id}"

    def post(self, action: str, specs: Any = None, **fields: Any) -> str:
        job_id: str = self.ada.post(f"{self.path}/jobs", {"action": action, "specs": specs, **fields})
        return job_id

    def trained(self) -> str:
        job_id = self.post("train", {})
        self.house.move(job_id, Status.RUNNING, Status.DONE)
        return job_id

    def leave_files(self, job_id: str, files: dict[str, bytes]) -> None:
        results = self.house.folder_of(self.ada) / "results" / job_id
        for key, content in files.items():
            path = results / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def new_dataset(person: Person, workspace: str, **fields: Any) -> str:
    body = {
        "type": "image_classification",
        "format": "classification_pyt",
        "workspace": workspace,
        "cloud_file_path": "/data/train",
        **fields,
    }
    identity: str = person.post("datasets", body)["id"]
    return identity


def stand_on(database: Database, node: str, *gpus: str) -> None:
    """Let there be a server on one machine, which alone runs jobs."""
    machine = Node(name=node, processor="cpu", cores=2, memory_mb=8192, gpus=gpus)
    capacity = Capacity(cpu_slots=1, io_slots=1, nodes=(machine,))
    with database.write() as session:
        servers.register(session, "the server", node, capacity)
