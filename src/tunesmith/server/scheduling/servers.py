"""The servers that share a database: who they are, what they can run, and which of them are gone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError
from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import LOCK, now
from tunesmith.server.scheduling.resources import Capacity, Fleet
from tunesmith.server.scheduling.tables import Server


def register(session: Session, server_id: str, host: str, capacity: Capacity) -> None:
    """Say that a server is there, and what it can run."""
    server = session.get(Server, server_id, with_for_update=LOCK)
    if server is None:
        server = Server(id=server_id, beat=0)
        session.add(server)
    server.host, server.started_on = host, now()
    server.beat += 1
    server.capacity = capacity.model_dump(mode="json")


def beat(session: Session, server_id: str, capacity: Capacity) -> bool:
    """The heartbeat, by which a server keeps the leases of its jobs. False if others took it for dead."""
    values = {"beat": Server.beat + 1, "capacity": capacity.model_dump(mode="json")}
    done = session.execute(update(Server).where(Server.id == server_id).values(values).returning(Server.id))
    return done.scalar() is not None


def leave(session: Session, server_id: str) -> None:
    """Say that a server runs no jobs any more."""
    session.execute(delete(Server).where(Server.id == server_id))


def bury(session: Session, server_id: str) -> None:
    """Forget a server that is gone, once all its jobs have been taken over."""
    leased = exists().where(Job.lease_owner == server_id)
    session.execute(delete(Server).where(Server.id == server_id, ~leased))


def server_ids(session: Session) -> Sequence[str]:
    """The servers that are there, or were a moment ago."""
    return session.scalars(select(Server.id)).all()


def fleet(session: Session) -> Fleet:
    """What all servers together run jobs on."""
    found = []
    for stored in session.scalars(select(Server.capacity)):
        try:
            found.append(Capacity.model_validate(stored))
        except ValidationError:
            continue  # of another version: it judges for itself what it can run
    return Fleet(found)


@dataclass
class Peers:
    """Watches the heartbeats of other servers."""

    patience: float
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def look(self, session: Session) -> set[str]:
        """The servers that are there as far as one can know; look often.

        A server counts as gone when its heartbeat has stood still for as long as `patience` (seconds).
        """
        moment = self.clock()
        seen = {}
        for server_id, beat in session.execute(select(Server.id, Server.beat)):
            known = self._seen.get(server_id)
            seen[server_id] = known if known and known[0] == beat else (beat, moment)
        self._seen = seen
        return {server_id for server_id, (_, since) in seen.items() if moment - since < self.patience}

    def forget(self) -> None:
        """The database was out of reach: whose heart stood still meanwhile may only have been cut off too."""
        self._seen = {}

    @property
    def known(self) -> set[str]:
        """All servers of the last look."""
        return set(self._seen)
