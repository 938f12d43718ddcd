"""Puts the logs of jobs into the database, where every server finds them and where they outlive a machine.

A worker writes log.txt in its job's folder. The watch of the job takes what is new, in the transaction in
which it folds the worker's events. How much of a folder's log was taken is noted for each server: one that
gets a job back goes on where it was, and one that has it for the first time begins at 0.

Whole, the log of a job is what its attempts wrote, one after the other, with a line between two. Positions
in it are bytes from its beginning, and never change. The database keeps the first KEPT_HEAD and at least the
last KEPT_TAIL bytes of it.
"""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tunesmith.protocol import JobFolder
from tunesmith.server.jobs.tables import Job, JobLog

MEBIBYTE = 1 << 20
KEPT_HEAD = 4 * MEBIBYTE
KEPT_TAIL = 12 * MEBIBYTE
ALL_TAKEN = 1 << 62
"""Noted for a server whose file has nothing that is not in the database: more than any file is long."""
MOST_AT_ONCE = MEBIBYTE
"""Bytes that one transaction takes: what follows is taken by the next one."""
ROW_BYTES = 1 << 16
"""The longest piece in one row."""
FULL_BYTES = 1 << 13
"""A row that is shorter grows with what comes; at a line or two a time, rows would be many."""


def begin_log(session: Session, job: Job, folder: JobFolder, source: str) -> None:
    """Before the worker of an attempt writes: note where its file goes on, and put a line between attempts.

    A power cut can leave a file shorter than what was taken of it. What an earlier worker of this server left
    untaken, before the job went elsewhere and came back, is late, and lost no longer.
    """
    taken = min(taken_of(job, source), _size(folder))
    job.log_offsets = job.log_offsets | {source: taken}
    while take_log(session, job, folder, source):
        pass
    if job.attempt > 1:
        torn = "" if _ends_with_a_line(session, job) else "\n"
        append_log(session, job, f"{torn}--- attempt {job.attempt} ---\n".encode())


def taken_of(job: Job, source: str) -> int:
    """How many bytes of a server's log file are in the database."""
    taken: int = job.log_offsets.get(source, 0)
    return taken


def is_long(folder: JobFolder) -> bool:
    """Whether the folder's log may have more to take than one transaction takes."""
    return _size(folder) > MOST_AT_ONCE


def left_in(job: Job, folder: JobFolder, source: str) -> int:
    """How many bytes of the folder's log were not taken yet."""
    return max(0, _size(folder) - taken_of(job, source))


def move_log(job: Job, folder: JobFolder, source: str) -> int:
    """Another server goes on with an attempt, whose worker sends it all that the database has not got.

    So what the files of both servers have beyond that comes again, and is not to be taken from there.
    Returns how much of the former server's file is in the database.
    """
    former = job.ran_on or ""
    taken = taken_of(job, former)
    job.log_offsets = job.log_offsets | {former: ALL_TAKEN, source: _size(folder)}
    return taken


def take_log(session: Session, job: Job, folder: JobFolder, source: str) -> bool:
    """Take what the folder's log has more, at most MOST_AT_ONCE bytes. Whether there was any."""
    offset = taken_of(job, source)
    try:
        with folder.log_path.open("rb") as log:
            log.seek(offset)
            taken = log.read(MOST_AT_ONCE)
    except FileNotFoundError:
        return False
    if taken:
        append_log(session, job, taken)
        job.log_offsets = job.log_offsets | {source: offset + len(taken)}
    return bool(taken)


def append_log(session: Session, job: Job, text: bytes) -> None:
    """Add to the log in the database. The job's row is locked."""
    last = _last(session, job.id)
    if last is not None and len(last.content) < FULL_BYTES:
        room = ROW_BYTES - len(last.content)
        last.content += text[:room]
        rest = text[room:]
    else:
        rest = text
    position = job.log_size + len(text) - len(rest)
    for start in range(0, len(rest), ROW_BYTES):
        content = rest[start : start + ROW_BYTES]
        session.add(JobLog(job_id=job.id, position=position + start, content=content))
    job.log_size += len(text)
    session.flush()
    _drop_middle(session, job)


def _drop_middle(session: Session, job: Job) -> None:
    """A mebibyte at a time: who reads the log just now may want what is at its edge."""
    kept_from = (job.log_size - KEPT_TAIL) // MEBIBYTE * MEBIBYTE
    if kept_from > KEPT_HEAD:
        middle = JobLog.position >= KEPT_HEAD, JobLog.position < kept_from - ROW_BYTES
        session.execute(delete(JobLog).where(JobLog.job_id == job.id, *middle))


def _ends_with_a_line(session: Session, job: Job) -> bool:
    last = _last(session, job.id)
    return last is None or last.content.endswith(b"\n")


def _last(session: Session, job_id: UUID) -> JobLog | None:
    rows = select(JobLog).where(JobLog.job_id == job_id)
    return session.scalar(rows.order_by(JobLog.position.desc()).limit(1))


def _size(folder: JobFolder) -> int:
    try:
        return folder.log_path.stat().st_size
    except FileNotFoundError:
        return 0
