"""Reads the log of a job: from the database, and beyond that from the job's folder if this server has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tunesmith.protocol import JobFolder
from tunesmith.server.jobs.log_store import taken_of
from tunesmith.server.jobs.tables import Job, JobLog
from tunesmith.server.kit.database import Database

_CHUNK = 1 << 16
_ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class Part:
    """A piece of the log in the database: where it begins, and its bytes when it was looked at."""

    position: int
    size: int


@dataclass(frozen=True)
class Rest:
    """What a file has that was not taken into the database yet."""

    path: Path
    offset: int
    size: int

    def begun_at(self, position: int) -> "Rest":
        """The part from a position on."""
        return Rest(self.path, self.offset + position, max(0, self.size - position))

    def read(self) -> Iterator[bytes]:
        """Exactly `size` bytes."""
        left = self.size
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while left and (chunk := file.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk


@dataclass(frozen=True)
class Log:
    """A log and its size in bytes when it was looked at; what is written after that is left for later."""

    database: Database
    job_id: UUID
    parts: tuple[Part, ...]
    rest: Rest | None
    modified: float

    @property
    def size(self) -> int:
        """The bytes that `read` yields."""
        gaps = sum(len(gap_line(size)) for size in self._gaps().values())
        return gaps + sum(part.size for part in self.parts) + (self.rest.size if self.rest else 0)

    def read(self) -> Iterator[bytes]:
        """The log, with a line where its middle was dropped. No session is open between two pieces."""
        gaps = self._gaps()
        for start in range(0, len(self.parts), _ROWS_AT_ONCE):
            some = self.parts[start : start + _ROWS_AT_ONCE]
            found = self._contents(some)
            for part in some:
                if part.position in gaps:
                    yield gap_line(gaps[part.position])
                # What was dropped since it was looked at reads as blank lines: the size was told already.
                yield found.get(part.position, b"")[: part.size].ljust(part.size, b"\n")
        if self.rest:
            yield from self.rest.read()

    def _contents(self, parts: tuple[Part, ...]) -> dict[int, bytes]:
        between = JobLog.position >= parts[0].position, JobLog.position <= parts[-1].position
        query = select(JobLog.position, JobLog.content).where(JobLog.job_id == self.job_id, *between)
        with self.database.read() as session:
            return {row.position: row.content for row in session.execute(query)}

    def _gaps(self) -> dict[int, int]:
        """By the position after each gap, its size."""
        ends = [0, *(part.position + part.size for part in self.parts)]
        sizes = {part.position: part.position - end for part, end in zip(self.parts, ends, strict=False)}
        return {position: size for position, size in sizes.items() if size}


@dataclass(frozen=True)
class LogPlace:
    """Where one server finds logs: in the database, and in the folders of the jobs that it has run itself.

    `source` is the id of the server.
    """

    database: Database
    jobs_dir: Path
    source: str

    def find(self, session: Session, job: Job) -> Log | None:
        """The log of a job; None while there is none."""
        lengths = select(JobLog.position, func.length(JobLog.content)).where(JobLog.job_id == job.id)
        rows = session.execute(lengths.where(JobLog.position < job.log_size).order_by(JobLog.position))
        parts = tuple(Part(position, min(size, job.log_size - position)) for position, size in rows)
        rest = self._rest(job)
        if rest is None and not parts:
            return None
        return Log(self.database, job.id, parts, rest, job.last_modified.timestamp())

    def _rest(self, job: Job) -> Rest | None:
        """What the folder has beyond the database. An older attempt's, left on this disk, is not shown."""
        last_ran_here = job.lease_owner is None and set(job.log_offsets) <= {self.source}
        if not last_ran_here and job.lease_owner != self.source:
            return None
        path = JobFolder(self.jobs_dir / str(job.id)).log_path
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return None
        offset = taken_of(job, self.source)
        return Rest(path, offset, size - offset) if size >= offset else None


def gap_line(size: int) -> bytes:
    """What stands in the log for the bytes that were dropped."""
    return f"\n--- {size:,} bytes dropped: of a long log, the first and the last part are kept ---\n".encode()


@dataclass(frozen=True)
class Stretch:
    """What a log has from some position on: bytes that were dropped, and then some that are there."""

    dropped: int
    content: bytes
    end: int


def stretch_from(session: Session, job_id: UUID, position: int, size: int) -> Stretch:
    """Some of the log in the database from a position on; `size` is that of the whole log."""
    until_there = select(func.max(JobLog.position)).where(
        JobLog.job_id == job_id, JobLog.position <= position
    )
    first = func.coalesce(until_there.scalar_subquery(), 0)
    query = (
        select(JobLog.position, JobLog.content)
        .where(JobLog.job_id == job_id, JobLog.position >= first, JobLog.position < size)
        .order_by(JobLog.position)
        .limit(_ROWS_AT_ONCE)
    )
    begins = end = position
    found = b""
    for begin, content in session.execute(query):
        if found and begin > end:
            break  # the gap is for the next stretch
        if begin + len(content) <= position:
            continue
        begins = begins if found else max(position, begin)
        found += content[max(0, position - begin) : size - begin]
        end = begins + len(found)
    return Stretch(begins - position, found, end)
