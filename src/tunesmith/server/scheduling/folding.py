"""Folds a worker's events into the job's row, each once, and settles how the job ends."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from tunesmith.protocol import ENDINGS, Cause, Done, Event, EventTail, Failed, JobFolder
from tunesmith.server.datasets.states import PullStatus
from tunesmith.server.datasets.tables import Dataset
from tunesmith.server.experiments.tables import Experiment
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.inputs import PULL, PULL_MODEL, FrozenInputs
from tunesmith.server.jobs.log_store import MOST_AT_ONCE, is_long, left_in, take_log
from tunesmith.server.jobs.news import NEWS
from tunesmith.server.jobs.queue import ROOM
from tunesmith.server.jobs.queue import release as release_waiting
from tunesmith.server.jobs.states import TERMINAL, Status, transition
from tunesmith.server.jobs.tables import Job, Queue
from tunesmith.server.kit.database import LOCK, Database, after_commit
from tunesmith.server.metrics.jobs import note_restart
from tunesmith.server.models.pulls import set_pulled
from tunesmith.server.scheduling.claims import held_job, release

_LOG_TAIL_LINES = 20


def fold(database: Database, job_id: UUID, token: UUID, folder: JobFolder) -> bool:
    """Take in the log and the events written since the last call. True when the job needs no worker any more.

    Events, log, offsets and state change in one transaction, so that each counts once. A long piece of log
    is taken before in parts: when the job is seen to have ended, its log is there.

    Raises:
        LeaseLostError: the lease is another's.
    """
    while is_long(folder) and _take_much(database, job_id, token, folder):
        pass
    with database.write() as session:
        job = held_job(session, job_id, token)
        source = job.lease_owner or ""
        tail = EventTail(folder, job.events_offset)
        events = list(tail.read())
        if events:
            _apply(job, events)
            job.events_offset = tail.offset
            for event in events:
                _settle(session, job, event, folder)
        _take_log(session, job, folder, source)
        return job.lease_token is None


def take_rest_of_log(database: Database, job_id: UUID, folder: JobFolder, source: str) -> None:
    """What the worker of this server (`source`) wrote until it was gone, also after the job had ended."""
    with database.read() as session:
        job = session.get(Job, job_id)
        if job is None or not left_in(job, folder, source):
            return
    with database.write() as session:
        job = session.get(Job, job_id, with_for_update=LOCK)
        while job is not None and left_in(job, folder, source):
            _take_log(session, job, folder, source)


def _take_much(database: Database, job_id: UUID, token: UUID, folder: JobFolder) -> bool:
    """Take a part of the log, if there is more of it than one transaction takes."""
    with database.write() as session:
        job = held_job(session, job_id, token)
        source = job.lease_owner or ""
        if left_in(job, folder, source) <= MOST_AT_ONCE:
            return False
        _take_log(session, job, folder, source)
        return True


def _take_log(session: Session, job: Job, folder: JobFolder, source: str) -> None:
    if take_log(session, job, folder, source):
        after_commit(session, partial(NEWS.tell, job.id))


def settle_silent_end(
    database: Database, job_id: UUID, token: UUID, folder: JobFolder, ending: str, most: int
) -> bool:
    """The worker is gone and never said how the job ended. True if the job has ended with it.

    Else it is to be started again, which happens at most `most` times.
    """
    with database.write() as session:
        job = held_job(session, job_id, token)
        if _settle_stopped(session, job):
            return True
        if job.restarts < most:
            job.restarts += 1
            again = f"the worker was lost: {ending}; restart {job.restarts} of {most}"
            transition(session, job.id, Status.RUNNING, again)
            after_commit(session, partial(note_restart, job.action, job.network))
            return False
        tried = f", after {job.restarts} restarts" if job.restarts else ""
        lost = Failed(cause=Cause.LOST_WORKER, message=f"The worker was lost{tried}: {ending}.")
        _fail(session, job, lost, folder)
        return True


def put_back(database: Database, job_id: UUID, token: UUID, obstacle: str) -> None:
    """The job could not begin for want of something: it waits for it, and is looked at again now and then."""
    with database.write() as session:
        job = held_job(session, job_id, token)
        if _settle_stopped(session, job):
            return
        transition(session, job.id, Status.PENDING, obstacle)
        release(session, token)
        job.attempt -= 1  # it was none
        job.queue, job.blocked_by, job.waits_for = Queue.BLOCKED, ROOM, obstacle


def settle_if_stopping(database: Database, job_id: UUID, token: UUID) -> bool:
    """End a job that was asked to stop while no worker runs it. False when it should run."""
    with database.write() as session:
        return _settle_stopped(session, held_job(session, job_id, token))


def settle_failure(database: Database, job_id: UUID, token: UUID, folder: JobFolder, failure: Failed) -> None:
    """The job cannot be started."""
    with database.write() as session:
        job = held_job(session, job_id, token)
        if not _settle_stopped(session, job):
            _fail(session, job, failure, folder)


def _apply(job: Job, events: Iterable[Event]) -> None:
    details = Details.model_validate(job.details)
    for event in events:
        details.apply(event)
    job.details = details.model_dump(mode="json")


def _settle(session: Session, job: Job, event: Event, folder: JobFolder) -> None:
    if job.status in TERMINAL or not isinstance(event, ENDINGS):
        return
    if job.status != Status.CANCELING and isinstance(event, Done):
        _finish(session, job, event.outcome)
    elif job.status != Status.CANCELING and isinstance(event, Failed):
        _fail(session, job, event, folder)  # one that pauses too: there is no use in going on with it
    elif _settle_stopped(session, job):
        return
    elif job.lease_token is not None:
        release(session, job.lease_token)  # stopped with its server: the next one goes on with it
        job.lease_token = None


def _settle_stopped(session: Session, job: Job) -> bool:
    """A job that was asked to stop has stopped."""
    if job.status == Status.CANCELING:
        transition(session, job.id, Status.CANCELED, "the worker has ended")
        _settle_pull(session, job, "The pull was cancelled.", {})
        return True
    if job.status == Status.PAUSING:
        transition(session, job.id, Status.PAUSED, "the worker has ended")
        return True
    return False


def _finish(session: Session, job: Job, outcome: dict[str, Any]) -> None:
    transition(session, job.id, Status.DONE, "the worker reported success")
    _settle_pull(session, job, "" if outcome.get("valid") else str(outcome.get("sentence", "")), outcome)
    if job.experiment_id is not None:
        _note_checkpoints(session, job)


def _fail(session: Session, job: Job, failure: Failed, folder: JobFolder) -> None:
    details = Details.model_validate(job.details)
    details.at = failure.time
    details.fail(failure.cause, failure.message, failure.advice)
    details.log_tail = folder.log_tail(_LOG_TAIL_LINES)
    job.details = details.model_dump(mode="json")
    transition(session, job.id, Status.ERROR, f"{failure.cause.value}: {failure.message}")
    _settle_pull(session, job, f"{failure.message} {details.advice}", {})


def _settle_pull(session: Session, job: Job, reason: str, outcome: dict[str, Any]) -> None:
    """What was to be pulled is here, or is not for some reason. Jobs that pull nothing are left alone."""
    status = PullStatus.PULL_COMPLETE if outcome.get("valid") else PullStatus.INVALID_PULL
    if job.action == PULL:
        _set_dataset(session, job, status, reason, outcome)
    elif job.action == PULL_MODEL:
        for identity in FrozenInputs.load(job.inputs).base_models:
            set_pulled(session, identity, status, reason)


def _set_dataset(session: Session, job: Job, status: str, reason: str, report: dict[str, Any]) -> None:
    dataset = session.get(Dataset, job.dataset_id, with_for_update=LOCK) if job.dataset_id else None
    if dataset is not None:
        dataset.status, dataset.status_reason, dataset.report = status, reason, report
        release_waiting(session, dataset.id)


def _note_checkpoints(session: Session, job: Job) -> None:
    """Keep the epochs of a training's best and latest checkpoint where clients look for them."""
    details = Details.model_validate(job.details)
    epochs = {f"best_model_{job.id}": details.best_epoch, f"latest_model_{job.id}": details.latest_epoch}
    known = {name: epoch for name, epoch in epochs.items() if epoch is not None}
    experiment = session.get(Experiment, job.experiment_id, with_for_update=LOCK)
    if experiment is not None and known:
        experiment.checkpoint_epoch_number = experiment.checkpoint_epoch_number | known
