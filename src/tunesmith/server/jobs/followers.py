"""Everybody who follows a log on this server: how many, on which threads they read, and when they must go."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar
from uuid import UUID

import anyio
import structlog
from anyio.to_thread import run_sync
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tunesmith.server.jobs.news import NEWS
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import UnavailableError

MOST_FOLLOWERS = 1000
READERS = 4
"""Threads that read for followers: their own, so that they take none from requests."""
POLL_SECONDS = 1.0

_ResultT = TypeVar("_ResultT")
_log = structlog.get_logger()


class Followers:
    """The followers of one server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._readers = anyio.CapacityLimiter(READERS)
        self.count = 0
        self.closing = False

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Room for one follower, while it follows.

        Raises:
            UnavailableError: there are too many.
        """
        if self.count >= MOST_FOLLOWERS:
            raise UnavailableError(
                f"{MOST_FOLLOWERS} logs are being followed on this server, which is all that it allows; "
                "try again later, or read the log without following it"
            )
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1

    async def read(self, work: Callable[[], _ResultT]) -> _ResultT:
        """Do something that waits for the database, on a thread of the followers."""
        return await run_sync(work, limiter=self._readers)

    def close(self) -> None:
        """The server stops: everybody leaves, and comes back when it is there again."""
        self.closing = True
        NEWS.tell_all()

    async def watch_others(self) -> None:
        """Tell of jobs that other servers run, for ever: a question a second about all that are followed."""
        known: dict[UUID, object] = {}
        while True:
            await asyncio.sleep(POLL_SECONDS)
            followed = NEWS.followed()
            try:
                found = await self.read(partial(self._look, followed)) if followed else {}
            except SQLAlchemyError:
                _log.warning("followers_lost_database")
                continue
            for job_id in followed:
                if found.get(job_id) != known.get(job_id):
                    NEWS.tell(job_id)
            known = found

    def _look(self, ids: tuple[UUID, ...]) -> dict[UUID, object]:
        columns = Job.id, Job.status, Job.log_size, Job.waits_for
        with self._database.read() as session:
            return {row.id: tuple(row) for row in session.execute(select(*columns).where(Job.id.in_(ids)))}
