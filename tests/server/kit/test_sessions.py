"""A write is visible once its reply is there, or the reply is an error."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from tunesmith.server.kit import database as database_module
from tunesmith.server.kit.database import Database, after_commit
from tunesmith.server.kit.dependencies import ReadSession, RelievingSession, WriteSession
from tunesmith.server.kit.errors import BadRequestError, install_error_handlers
from tunesmith.server.kit.settings import Settings
from tunesmith.server.migrations import migrate
from tunesmith.server.tables import Org, User

_BACKEND = select(func.pg_backend_pid())
_END_OTHERS = text(
    "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Probe:
    """An application whose endpoints write, and what its middleware sees when a reply begins."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.rows_at_reply: list[int] = []
        self.woken = 0
        self.app = FastAPI()
        self.app.state.database, self.app.state.settings = database, settings
        install_error_handlers(self.app)
        for path, endpoint in (("/write", self.write), ("/refuse", self.refuse), ("/orphan", self.orphan)):
            self.app.post(path)(endpoint)
        self.app.get("/read")(self.read)
        self.app.post("/relieve")(self.relieve)
        self.client = TestClient(self._watched, raise_server_exceptions=False)

    def rows(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count(Org.id))) or 0

    def wake(self) -> None:
        self.woken += 1

    def write(self, session: WriteSession) -> str:
        after_commit(session, self.wake)
        session.add(Org(name="acme"))
        session.flush()
        return "written"

    def refuse(self, session: WriteSession) -> str:
        after_commit(session, self.wake)
        session.add(Org(name="refused"))
        session.flush()
        raise BadRequestError("no")

    def orphan(self, session: WriteSession) -> str:
        """Fails at the commit alone: the endpoint itself ends well."""
        session.add_all([Org(name="acme"), Org(name="acme")])
        return "written"

    def read(self, session: ReadSession) -> int:
        return session.scalar(select(func.count(User.id))) or 0

    def relieve(self, session: RelievingSession) -> str:
        session.add(Org(name="acme"))
        return "written"

    async def _watched(self, scope, receive, send) -> None:
        async def note(message) -> None:
            if message["type"] == "http.response.start":
                self.rows_at_reply.append(self.rows())
            await send(message)

        await self.app(scope, receive, note)


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[Probe]:
    settings = Settings(data_dir=tmp_path)
    database = Database(settings.resolved_database_url)
    migrate(database.engine)
    yield Probe(database, settings)
    database.dispose()


def test_a_write_is_visible_before_its_reply_begins(probe: Probe) -> None:
    assert probe.client.post("/write").status_code == 200
    assert probe.rows_at_reply == [1]
    assert probe.woken == 1


def test_a_refused_request_leaves_no_trace(probe: Probe) -> None:
    assert probe.client.post("/refuse").status_code == 400
    assert probe.rows() == 0
    assert probe.woken == 0


def test_a_commit_that_fails_is_an_error_and_not_a_success(probe: Probe) -> None:
    reply = probe.client.post("/orphan")
    assert reply.status_code == 500
    assert set(reply.json()) == {"error_desc", "error_code"}
    assert probe.rows() == 0


def test_writes_are_refused_on_a_full_disk_but_not_reads_and_what_relieves_it(probe: Probe) -> None:
    probe.app.state.settings = Settings(data_dir=probe.app.state.settings.data_dir, min_free_mb=2**40)
    full = probe.client.post("/write")
    assert full.status_code == 507
    assert str(probe.app.state.settings.data_dir) in full.json()["error_desc"]
    assert "TUNESMITH_MIN_FREE_MB" in full.json()["error_desc"]
    assert probe.rows() == 0
    assert probe.client.get("/read").status_code == 200
    assert probe.client.post("/relieve").status_code == 200
    assert probe.rows() == 1


def test_a_read_on_postgresql_opens_no_transaction(postgres_url: str):
    database = Database(postgres_url)
    migrate(database.engine)

    def begun(session: Session) -> str:
        session.scalar(select(func.count(User.id)))
        connection: Any = session.connection().connection.driver_connection
        state: str = connection.info.transaction_status.name
        return state

    with database.read() as reading, database.write() as writing:
        assert (begun(reading), begun(writing)) == ("IDLE", "INTRANS")
    database.dispose()


def test_connections_that_postgresql_closed_while_they_rested_are_opened_anew(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database_module, "_REST_SECONDS", 0)
    database, other = Database(postgres_url), Database(postgres_url)
    with database.read() as reading, database.write() as writing:
        before = {session.scalar(_BACKEND) for session in (reading, writing)}
    with other.read() as session:
        ended = session.execute(_END_OTHERS).all()
    assert before <= {pid for pid, _ in ended}
    with database.read() as reading, database.write() as writing:
        after = {session.scalar(_BACKEND) for session in (reading, writing)}
    assert len(after) == 2
    assert not before & after
    database.dispose()
    other.dispose()
