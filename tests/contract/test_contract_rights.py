"""Every operation, asked by everybody: what docs/rights.md says is what the server does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, update
from tests.contract.rights import ANSWERS, IN, RULES, Relation, Rule, page
from tests.live_server import Account, Server

from tunesmith.protocol import JobFolder
from tunesmith.server.app import create_app
from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.console.document import openapi_document
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling import servers
from tunesmith.server.scheduling.resources import Capacity
from tunesmith.server.tables import Job, Org

DOCUMENT = Path(__file__).parents[2] / "docs" / "rights.md"
OUTSIDE = ("/login", "/health", "/auth", "/metrics")
"""Paths that are not below an organisation begin so."""
ANOTHER = "another server"
KINDS = ("workspace", "dataset", "experiment")
BODIES: dict[str, Any] = {
    "POST /login": {"ngc_key": "no key", "ngc_org_name": "acme"},
    "POST /experiments": {"network_arch": "classification_pyt"},
    "POST /metrics": {
        "version": "1",
        "network": "n",
        "action": "train",
        "success": True,
        "gpu": [],
        "time_lapsed": 1,
    },
    "POST /super_endpoint": {"api_endpoint": "list", "kind": "workspaces"},
    "PUT": {"name": "taken"},
    "PATCH": {"name": "taken"},
}


def operations() -> list[str]:
    app = create_app(Settings(data_dir=Path("unused")))
    return [
        f"{method.upper()} {path.removeprefix('/api/v1').removeprefix('/orgs/{org_name}')}"
        for path, methods in openapi_document(app)["paths"].items()
        for method in methods
    ]


def test_every_operation_has_a_rule_and_the_page_shows_it():
    assert set(operations()) == set(RULES)
    assert page().strip() in DOCUMENT.read_text(encoding="utf-8"), "python -m tests.contract.rights prints it"


@dataclass
class Objects:
    """One of each kind, and a job that has ended with results."""

    ids: dict[str, str]

    def path(self, operation: str) -> str:
        return operation.partition(" ")[2].format(action="train", **self.ids)


class World:
    """A server with an owner, a colleague of hers and a stranger."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.colleague = server.account("acme", "bob")
        self.stranger = server.account("other", "eve")
        self.database = Database(Settings(data_dir=server.data_dir).resolved_database_url)
        self.signer = TokenSigner.of(Settings(data_dir=server.data_dir))
        self.token = server.login()

    def objects(self, kind: str, *, running: bool = False, **fields: Any) -> Objects:
        """Fresh ones; the fields are of the kind that the operation is about."""
        folder = self.server.folder(uuid4().hex)
        space = self.server.local_workspace(folder, **(fields if kind == "workspace" else {}))
        data = self._create(
            "/datasets",
            {"type": "image_classification", "format": "raw", "workspace": space}
            | (fields if kind == "dataset" else {}),
        )
        experiment = self._create(
            "/experiments",
            {"network_arch": "classification_pyt", "workspace": space}
            | (fields if kind == "experiment" else {}),
        )
        owner = {"dataset_id": UUID(data)} if kind == "dataset" else {"experiment_id": UUID(experiment)}
        job = self._job(folder, space, owner, "Running" if running else "Done")
        return Objects(
            {"workspace_id": space, "dataset_id": data, "experiment_id": experiment, "job_id": str(job)}
        )

    def _create(self, path: str, body: dict[str, Any]) -> str:
        reply = self.server.api("POST", path, json=body)
        assert reply.status_code == 200, reply.text
        identity: str = reply.json()["id"]
        return identity

    def _job(self, folder: Path, space: str, owner: dict[str, UUID], status: str) -> UUID:
        identity = uuid4()
        claims = self.signer.read(self.token)
        with self.database.write() as session:
            org = session.scalars(select(Org.id).where(Org.name == "acme")).one()
            session.add(
                Job(
                    id=identity,
                    org_id=org,
                    user_id=claims.user_id,
                    action="train",
                    network="classification_pyt",
                    lease_owner=ANOTHER,
                    status=status,
                    inputs={"workspace": {"store": {"kind": "folder", "id": space, "path": str(folder)}}},
                    **owner,
                )
            )
        results = folder / "results" / str(identity)
        results.mkdir(parents=True)
        (results / "model.onnx").write_bytes(b"model")
        job = JobFolder(self.server.data_dir / "jobs" / str(identity))
        job.root.mkdir(parents=True)
        (job.root / "log.txt").write_text("trained\n")
        return identity

    def expired(self) -> str:
        key = (self.server.data_dir / "signing.key").read_bytes()
        return TokenSigner(key, timedelta(seconds=-1)).sign(self.signer.read(self.token))

    def ask(self, operation: str, relation: Relation, objects: Objects) -> httpx.Response:
        method, path = operation.split(" ", maxsplit=1)[0], objects.path(operation)
        strangers = {
            Relation.SHARED: self.colleague,
            Relation.HIDDEN: self.colleague,
            Relation.PUBLIC: self.stranger,
        }
        account: Account = strangers.get(relation, self.server)
        headers = {}
        if relation is not Relation.NO_TOKEN:
            headers["Authorization"] = f"Bearer {self._token(relation, account, objects)}"
        org = "other" if relation is Relation.FOREIGN_ORG else account.org
        below = "" if path.startswith(OUTSIDE) else f"/orgs/{org}"
        body = BODIES.get(operation) or BODIES.get(method) or _ids(operation, objects)
        url = f"{self.server.url}/api/v1{below}{path}"
        query = {"network": "classification_pyt", "best_model": "true", "team_name": "t"}
        content = None if method == "GET" else json.dumps(body)
        return self.server.client.request(method, url, headers=headers, content=content, params=query)

    def _token(self, relation: Relation, account: Account, objects: Objects) -> str:
        match relation:
            case Relation.EXPIRED:
                return self.expired()
            case Relation.JOB_TOKEN:
                return self.signer.sign_job(UUID(objects.ids["job_id"]))
            case _:
                return account.token or account.login()


def _ids(operation: str, objects: Objects) -> dict[str, Any]:
    """The body that names the objects of a request about many, or what a report or a job needs."""
    body: dict[str, Any] = {f"{kind}_ids": [objects.ids[f"{kind}_id"]] for kind in (*KINDS, "job")}
    if operation.endswith("_update"):
        return {"status": "{}", "log_contents": "line"}
    if operation.endswith(":report"):
        return {"attempt": 1}
    if operation.startswith("POST") and operation.endswith("/jobs"):
        return {"action": "train", "specs": {}}
    if operation.endswith((":resume", "publish_model", "published_model")):
        return {}
    return body


@contextmanager
def another_server(database: Database) -> Iterator[None]:
    """A server that is there as long as its heart beats: the jobs that it runs are left to it."""
    capacity = Capacity(cpu_slots=1, io_slots=1, nodes=())
    with database.write() as session:
        servers.register(session, ANOTHER, "elsewhere", capacity)
    ended = threading.Event()

    def live() -> None:
        while not ended.wait(5):
            with database.write() as session:
                servers.beat(session, ANOTHER, capacity)

    heart = threading.Thread(target=live)
    heart.start()
    yield
    ended.set()
    heart.join()
    with database.write() as session:  # its jobs end with it, and nobody goes on with them
        session.execute(update(Job).where(Job.lease_owner == ANOTHER).values(status="Canceled"))
        servers.leave(session, ANOTHER)


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    made = World(server)
    with another_server(made.database):
        yield made
    made.database.dispose()


def kind_of(operation: str) -> str:
    """What an operation is about."""
    path = operation.split(" ")[1]
    return next((kind for kind in KINDS if path.startswith(f"/{kind}s")), "experiment")


def applies(operation: str, relation: Relation) -> bool:
    """Only experiments can be public; only operations on jobs know a job's token of their own."""
    if relation is Relation.PUBLIC:
        return kind_of(operation) == "experiment"
    if relation is Relation.FOREIGN_ORG:
        return not operation.split(" ")[1].startswith(OUTSIDE)
    return True


FIELDS = {
    Relation.SHARED: {"shared": True},
    Relation.PUBLIC: {"public": True},
}


@pytest.mark.parametrize("operation", RULES)
def test_everybody_is_answered_as_the_page_says(world: World, operation: str):
    answers = ANSWERS[RULES[operation]]
    for relation in Relation:
        if applies(operation, relation):
            running = RULES[operation] is Rule.JOB
            objects = world.objects(kind_of(operation), running=running, **FIELDS.get(relation, {}))
            reply = world.ask(operation, relation, objects)
            check(world, operation, answers[relation], reply, objects, relation)


def check(
    world: World,
    operation: str,
    answer: str,
    reply: httpx.Response,
    objects: Objects,
    relation: Relation,
) -> None:
    told = f"{operation}, {relation}: {reply.status_code} {reply.text[:200]}"
    if answer == IN:
        login = operation == "POST /login"  # it is refused for the key in its body
        assert reply.status_code not in ({403} if login else {401, 403}), told
        hidden = any(f"{identity} not found" in reply.text for identity in objects.ids.values())
        assert not hidden, told
    elif answer in {"401", "403"}:
        assert reply.status_code == int(answer), told
        assert reply.json()["error_desc"], told
    elif answer == "404":
        nothing = operation.startswith("DELETE") and reply.json() == {}
        assert reply.status_code == 404 or nothing, told
    else:
        (outcome,) = reply.json()["results"]
        assert ("403" in answer) == (outcome.get("error_code") == 403), told
    if relation in {Relation.SHARED, Relation.PUBLIC, Relation.HIDDEN}:
        kind = kind_of(operation)
        still = world.server.api("GET", f"/{kind}s/{objects.ids[f'{kind}_id']}")
        assert still.json().get("name") != "taken", told
        assert still.status_code == 200, told
