"""What a program in a job reports over HTTP, in the form of the published API.

It goes into the job's row, as the watch of the job puts there what the worker writes. It never ends a job:
that is for its worker process to say.
"""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.protocol import Event, Metrics, Progress
from tunesmith.server.jobs.details import Details, number_or_none, seconds_or_none
from tunesmith.server.jobs.log_store import append_log
from tunesmith.server.jobs.news import NEWS
from tunesmith.server.jobs.repository import Owner, get_job
from tunesmith.server.jobs.states import ACTIVE
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import after_commit
from tunesmith.server.kit.errors import BadRequestError, ConflictError, ForbiddenError
from tunesmith.server.kit.wire import check_json
from tunesmith.server.orgs.tables import Org

MOST_METRICS = 1000
_LONGEST_NAME = 500
_CLOCK = re.compile(r"(?:(\d{1,6}) days?, )?(\d{1,9}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)")


def reporting_job(session: Session, org_name: str, owner: Owner, job_id: UUID, *, lock: bool = False) -> Job:
    """The job that reports.

    Raises:
        NotFoundError: the experiment or dataset has no such job.
        ForbiddenError: it is of another organisation than the URL says.
    """
    job = get_job(session, owner, job_id, lock=lock)
    if session.scalar(select(Org.name).where(Org.id == job.org_id)) != org_name:
        raise ForbiddenError(f"The job is not of organisation {org_name!r}")
    return job


def running_job(session: Session, org_name: str, owner: Owner, job_id: UUID) -> Job:
    """The job that reports, locked.

    Raises:
        NotFoundError: the experiment or dataset has no such job.
        ForbiddenError: it is of another organisation than the URL says.
        ConflictError: it does not run.
    """
    job = reporting_job(session, org_name, owner, job_id, lock=True)
    if job.status not in ACTIVE:
        raise ConflictError(f"Job {job_id} is {job.status}: only jobs that run can report")
    return job


def report_status(job: Job, status: str) -> None:
    """Take in a report of progress and metrics, a JSON object as text. The same one twice counts once.

    Raises:
        BadRequestError: it is no such object.
    """
    details = Details.model_validate(job.details)
    for event in events_of(_parsed(status)):
        details.apply(event)
    job.details = details.model_dump(mode="json")


def report_log(session: Session, job: Job, text: str) -> None:
    """Add text to the job's log."""
    line = text if text.endswith("\n") else f"{text}\n"
    append_log(session, job, line.encode(errors="replace"))
    after_commit(session, partial(NEWS.tell, job.id))


def events_of(report: dict[str, Any]) -> Iterator[Event]:
    """The events that a report stands for. What makes no sense in it is left out."""
    epoch = _count(report.get("epoch"))
    yield Progress(
        epoch=epoch or 0,
        max_epoch=_count(report.get("max_epoch")) or 1,
        step=_count(report.get("cur_iter")) or 0,
        eta=_seconds(report.get("eta")),
        seconds_per_epoch=_seconds(report.get("time_per_epoch")),
        seconds_per_step=_seconds(report.get("time_per_iter")),
        message=_message(report),
    )
    for points, values in _curves(report.get("graphical"), epoch).items():
        yield Metrics(epoch=points, values=values)
    results = _plain(report.get("kpi"))
    categories = _categories(report.get("categorical"))
    if results or categories:
        yield Metrics(values=results, per_category=categories)


def _parsed(status: str) -> dict[str, Any]:
    try:
        report = json.loads(status)
        check_json(report)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"status: must hold a JSON object as text: {error}") from None
    if not isinstance(report, dict):
        raise BadRequestError("status: must hold a JSON object as text")
    return report


def _message(report: dict[str, Any]) -> str:
    nested = report.get("detailed_status")
    for found in (report.get("message"), nested.get("message") if isinstance(nested, dict) else None):
        if isinstance(found, str) and found:
            return found
    return ""


def _curves(found: Any, epoch: int | None) -> dict[int, dict[str, float | None]]:
    """Points by epoch: from {metric: value} at the report's epoch, or from what `job_details` shows."""
    points: dict[int, dict[str, float | None]] = {}
    if isinstance(found, dict):
        points[epoch or 0] = _plain(found)
    for one in _entries(found):
        values = one.get("values")
        for at, value in list(values.items())[:MOST_METRICS] if isinstance(values, dict) else ():
            if isinstance(at, str) and at.isascii() and at.isdigit() and len(at) < 10:
                points.setdefault(int(at), {})[one["metric"]] = number_or_none(value)
    return {at: values for at, values in points.items() if values}


def _plain(found: Any) -> dict[str, float | None]:
    """Values by metric: from {metric: value}, or the newest of each from what `job_details` shows."""
    if isinstance(found, dict):
        named = [(name, value) for name, value in found.items() if _is_name(name)]
        return {name: number_or_none(value) for name, value in named[:MOST_METRICS]}
    return {
        one["metric"]: number_or_none(list(one["values"].values())[-1])
        for one in _entries(found)
        if isinstance(one.get("values"), dict) and one["values"]
    }


def _categories(found: Any) -> dict[str, dict[str, float | None]]:
    if isinstance(found, dict):
        return {name: _plain(values) for name, values in found.items() if _is_name(name)}
    categories: dict[str, dict[str, float | None]] = {}
    for one in _entries(found):
        pairs = one.get("category_wise_values")
        for pair in pairs[:MOST_METRICS] if isinstance(pairs, list) else ():
            if isinstance(pair, dict) and _is_name(pair.get("category")):
                values = categories.setdefault(one["metric"], {})
                values[pair["category"]] = number_or_none(pair.get("value"))
    return categories


def _entries(found: Any) -> list[dict[str, Any]]:
    if not isinstance(found, list):
        return []
    return [one for one in found[:MOST_METRICS] if isinstance(one, dict) and _is_name(one.get("metric"))]


def _is_name(found: Any) -> bool:
    return isinstance(found, str) and 0 < len(found) <= _LONGEST_NAME


def _count(found: Any) -> int | None:
    number = number_or_none(found)
    return int(number) if number is not None and 0 <= number < 2**53 else None


def _seconds(found: Any) -> float | None:
    """Seconds, from a number or from "[D days, ]h:mm:ss"."""
    if not isinstance(found, str):
        return seconds_or_none(found)
    if not (match := _CLOCK.fullmatch(found.strip())):
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return seconds_or_none(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
