"""Follows the log of a job: what there is, then what comes, until the job has ended or the reader has gone.

A follower is a task on the event loop. It holds no thread and no database session while it waits; it is
woken when the job's watch has committed something (see `jobs.news`).
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.server.auth.service import Reader
from tunesmith.server.jobs.followers import Followers
from tunesmith.server.jobs.logs import LogPlace, Stretch, gap_line, stretch_from
from tunesmith.server.jobs.news import NEWS, Bell
from tunesmith.server.jobs.reach import visible_job
from tunesmith.server.jobs.repository import MESSAGE, Owner
from tunesmith.server.jobs.server_events import HEAD, KEEP_ALIVE, LogLines, event
from tunesmith.server.jobs.states import TERMINAL, WAITING, Status, status_of
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.errors import NotFoundError, ServiceError

KEEP_ALIVE_SECONDS = 15.0
CHECK_SECONDS = 30.0
"""How long a reader may go on reading after a right is taken away."""

_ENDED = TERMINAL | {Status.PAUSED}


@dataclass(frozen=True)
class Look:
    """How a job stands, and some of its log."""

    status: Status
    message: str
    stretch: Stretch
    size: int


@dataclass(frozen=True)
class Follow:
    """One reader of one log.

    Attributes:
        position: the byte of the log to begin at.
    """

    followers: Followers
    place: LogPlace
    owner: Owner
    job_id: UUID
    reader: Reader
    position: int = 0

    async def events(self, leave_seat: Callable[[], None]) -> AsyncIterator[bytes]:
        """The events, as bytes."""
        leave_seat()
        yield HEAD
        try:
            with self.followers.one_more(), NEWS.following(self.job_id) as bell:
                async for some in self._events(bell):
                    yield some
        except ServiceError as refusal:
            yield event("error", refusal.body())

    async def _events(self, bell: Bell) -> AsyncIterator[bytes]:
        lines = LogLines(self.position)
        told: tuple[Status, str] | None = None
        checked = time.monotonic()
        while not self.followers.closing:
            due = time.monotonic() - checked >= CHECK_SECONDS
            checked = time.monotonic() if due else checked
            look = await self.followers.read(partial(self._look, lines.end, due=due))
            if lines.end > look.size:  # the reader knows of more than there is: the database was restored
                lines = LogLines(look.size)
            state = look.status, look.message
            if look.status not in _ENDED and state != told:
                yield event("status", {"status": look.status.value, "message": look.message})
                told = state
            if some := _lines_of(look.stretch, lines):
                yield some
            if lines.end < look.size:
                continue
            if look.status in _ENDED:
                yield lines.flush()
                yield event("end", {"status": look.status.value, "message": look.message})
                return
            if not await bell.wait(KEEP_ALIVE_SECONDS):
                yield KEEP_ALIVE

    def check(self, session: Session) -> None:
        """Whether the reader may see the job (still).

        Raises:
            ServiceError: no.
        """
        visible_job(session, self.reader.caller(session), self.owner, self.job_id)

    def _look(self, position: int, *, due: bool) -> Look:
        with self.place.database.read() as session:
            self.reader.check_token()
            if due:
                self.check(session)
            columns = Job.status, Job.waits_for, Job.log_size, MESSAGE
            row = session.execute(select(*columns).where(Job.id == self.job_id)).one_or_none()
            if row is None:
                raise NotFoundError(f"Job {self.job_id} was deleted")
            found, waits_for, size, message = row
            status = status_of(found)
            if size == 0:
                stretch, size = self._from_folder(session, position)
            else:
                stretch = stretch_from(session, self.job_id, min(position, size), size)
        shown = waits_for if status in WAITING else message if status in _ENDED else ""
        return Look(status, shown or "", stretch, size)

    def _from_folder(self, session: Session, position: int) -> tuple[Stretch, int]:
        """A log that is in the job's folder alone: of a job that ran before logs were in the database."""
        job = session.get(Job, self.job_id)
        log = self.place.find(session, job) if job else None
        if log is None or log.rest is None:
            return Stretch(0, b"", position), 0
        content = b""
        with suppress(FileNotFoundError):
            content = next(log.rest.begun_at(position).read(), b"")
        return Stretch(0, content, position + len(content)), log.rest.size


def _lines_of(stretch: Stretch, lines: LogLines) -> bytes:
    notice = lines.skip(stretch.dropped, gap_line(stretch.dropped)) if stretch.dropped else b""
    return notice + lines.add(stretch.content)
