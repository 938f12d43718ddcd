"""Where each attempt of a job begins in the files of its folder, and on which server that folder is.

Workers on this machine write into the folder. Those on nodes of a cluster write into one of their own, which
is empty when their attempt begins, and report it. The attempt's base says where that is in the files here:

    position in the file here = base + offset in the file of the node
"""

from functools import partial
from uuid import UUID

from sqlalchemy import select

from tunesmith.protocol import JobFolder
from tunesmith.server.jobs.log_store import begin_log, move_log, taken_of
from tunesmith.server.jobs.mirrors import alone_in
from tunesmith.server.jobs.news import NEWS
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import Database, after_commit
from tunesmith.server.scheduling.claims import held_job


def begin_attempt(database: Database, job_id: UUID, token: UUID, server_id: str, folder: JobFolder) -> None:
    """Count a further worker of a job that has had one.

    The events of a worker on another machine lie in another folder. What this machine has of the job was
    read when that worker was its own.

    Raises:
        LeaseLostError: the lease is another's.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    with alone_in(folder), database.write() as session:
        job = held_job(session, job_id, token)
        folder.end_torn_line()
        job.attempt += 1
        size = folder.events_size()
        # A power cut can leave a file shorter than what was read of it.
        job.events_offset = min(job.events_offset, size) if job.ran_on == server_id else size
        job.ran_on = server_id
        begin_log(session, job, folder, server_id)
        job.events_base, job.log_base = size, taken_of(job, server_id)
        after_commit(session, partial(NEWS.tell, job.id))


def move_attempt(database: Database, job_id: UUID, token: UUID, server_id: str, folder: JobFolder) -> None:
    """Go on with a worker that has reported to another server: from what is in the database of that.

    The worker sends what comes after that to this server, whatever the other one had received.

    Raises:
        LeaseLostError: the lease is another's.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    with alone_in(folder), database.write() as session:
        job = held_job(session, job_id, token)
        if job.ran_on == server_id:
            return
        folder.end_torn_line()
        read, taken = job.events_offset - job.events_base, move_log(job, folder, server_id) - job.log_base
        job.events_offset = folder.events_size()
        job.events_base = job.events_offset - read
        job.log_base = taken_of(job, server_id) - taken
        job.ran_on = server_id


def ran_here(database: Database, job_id: UUID, server_id: str) -> bool:
    """Whether the last worker of a job ran on this machine, or reported to it."""
    with database.read() as session:
        return session.scalar(select(Job.ran_on).where(Job.id == job_id)) == server_id
