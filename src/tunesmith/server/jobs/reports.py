"""Takes in what the worker of a job wrote on a node of a cluster, which shares no disk with this server.

A report is appended to this server's folder of the job, where the job's watch folds it in like what a worker
on this machine writes. Whatever comes twice, is torn, or is sent by two at once: what is here of the node's
files is their beginning, byte for byte.
"""

from contextlib import ExitStack, suppress
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.protocol import ENDINGS, MOST_EVENTS_BYTES, MOST_LOG_BYTES, Gap, JobFolder, Report
from tunesmith.protocol.events import EVENT
from tunesmith.server.jobs.callbacks import reporting_job
from tunesmith.server.jobs.mirrors import Mirror, alone_in
from tunesmith.server.jobs.repository import Kind, Owner
from tunesmith.server.jobs.states import ACTIVE
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.disk import DiskFullError, require_room
from tunesmith.server.kit.errors import BadRequestError, ConflictError, MisdirectedError, TooLargeError
from tunesmith.server.kit.installation import installation_id
from tunesmith.server.kit.settings import Settings
from tunesmith.server.orgs.tables import Org


class GapError(ConflictError):
    """Something is missing between what is here and what has come."""

    def __init__(self, gap: Gap) -> None:
        self._gap = gap
        super().__init__(
            f"A piece before this one is missing: report events from byte {gap.events_offset} on, "
            f"and the log from byte {gap.log_offset} on"
        )

    def body(self) -> dict[str, Any]:
        """The reply."""
        return super().body() | self._gap.model_dump()


class Taken(Gap):
    """What is here after a report. `held`: this server runs the job, by the attempt that has reported."""

    held: bool


def take_report(
    session: Session, org_name: str, owner: Owner, job_id: UUID, settings: Settings, report: Report
) -> Taken:
    """Append to the job's folder what is new in a report. The same one twice counts once.

    A report of an attempt that has just ended is taken too: the log may go on behind the last event.

    Raises:
        TooLargeError: it holds more than one report may.
        NotFoundError: the experiment or dataset has no such job.
        ForbiddenError: it is of another organisation than the URL says.
        ConflictError: it is not of the last attempt.
        GapError: a piece before it is missing.
        MisdirectedError: another server runs the job.
        BadRequestError: its events are none. Nothing of it was taken.
        DiskFullError: there is no room. Nothing of it was taken, or some of its log, and whole events.
    """
    _check_size(report)
    server_id = installation_id(settings)
    folder = JobFolder(settings.jobs_dir / str(job_id))
    with ExitStack() as stack:
        gone = True
        with suppress(FileNotFoundError):
            stack.enter_context(alone_in(folder))
            gone = False
        job = reporting_job(session, org_name, owner, job_id)  # not before: the next attempt may have begun
        _check_attempt(job, report.attempt, server_id)
        if gone:
            raise ConflictError(f"Job {job_id} is {job.status}, and its folder is gone: it takes no reports")
        events = Mirror(folder.events_path, job.events_base, lines=True)
        log = Mirror(folder.log_path, job.log_base)
        _append(folder, events, log, report, settings)
        held = job.status in ACTIVE and job.lease_owner == server_id
        return Taken(events_offset=events.size, log_offset=log.size, held=held)


def report_url(session: Session, job_id: UUID, api: str) -> str | None:
    """Where a job's worker reports; None if what the job belongs to was deleted.

    Args:
        session: reads.
        job_id: the job.
        api: the address of this server's API as nodes reach it, e.g. http://10.0.0.1:8000/api/v1.
    """
    columns = Org.name, Job.experiment_id, Job.dataset_id
    query = select(*columns).join_from(Job, Org, Job.org_id == Org.id).where(Job.id == job_id)
    org_name, *owners = session.execute(query).one()
    for kind, owner_id in zip((Kind.EXPERIMENT, Kind.DATASET), owners, strict=True):
        if owner_id:
            return f"{api}/orgs/{org_name}/{kind}s/{owner_id}/jobs/{job_id}:report"
    return None


def _check_size(report: Report) -> None:
    for name, piece, most in (
        ("events", report.events, MOST_EVENTS_BYTES),
        ("log", report.log, MOST_LOG_BYTES),
    ):
        if len(piece) > most:
            raise TooLargeError(f"{name}: has {len(piece)} bytes; a report has at most {most}. Send several")


def _check_attempt(job: Job, attempt: int, server_id: str) -> None:
    if attempt != job.attempt:
        raise ConflictError(
            f"Attempt {attempt} of job {job.id} takes no more reports: the job is at attempt {job.attempt}. "
            "End the worker of this one"
        )
    elsewhere = job.status in ACTIVE and job.lease_owner not in {None, server_id}
    if job.ran_on != server_id or elsewhere:
        raise MisdirectedError(f"Another server runs job {job.id}: report there")


def _append(folder: JobFolder, events: Mirror, log: Mirror, report: Report, settings: Settings) -> None:
    log.heal()
    events.heal()
    lines, text = events.news(report.events_offset, report.events), log.news(report.log_offset, report.log)
    if lines is None or text is None:
        raise GapError(Gap(events_offset=events.size, log_offset=log.size))
    ends = _says_how_it_ended(lines)
    if (lines or text) and not ends:
        require_room(settings)
    took_text = log.append(text)  # first: whoever sees that the job has ended sees its log
    took_lines = events.append(lines)
    if ends and not took_lines:
        folder.reserve_path.unlink(missing_ok=True)
        took_lines = events.append(events.news(report.events_offset, report.events) or b"")
    if not (took_text and took_lines):
        raise DiskFullError(
            f"The disk of the data folder {settings.data_dir} is full. Free space there, then report again"
        )


def _says_how_it_ended(lines: bytes) -> bool:
    """Whether a job's end is among its events. A blank line stands for one that a killed worker left torn.

    Raises:
        BadRequestError: these are not whole lines of events.
    """
    if lines and not lines.endswith(b"\n"):
        raise BadRequestError("events: the last line has no end; report whole lines")
    ends = False
    for line in filter(bytes.strip, lines.split(b"\n")):
        try:
            ends |= isinstance(EVENT.validate_json(line), ENDINGS)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            shown = line[:100].decode(errors="replace")
            raise BadRequestError(f"events: not an event ({first['msg']}): {shown}") from None
    return ends
