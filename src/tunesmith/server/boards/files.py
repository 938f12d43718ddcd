"""Lays out what an experiment's TensorBoard shows: a folder for each of its jobs that has event files."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from tunesmith.protocol import JobFolder
from tunesmith.server.jobs.places import results_of
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import ServiceError
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files

EVENT_FILES = "tensorboard"
"""The folder of the results that a training writes them to."""
FRESH_SECONDS = 20.0

_log = structlog.get_logger()


@dataclass(frozen=True)
class _Source:
    """A job: its folder's name on the board, its event files on this machine, or those in its workspace."""

    name: str
    local: Path
    remote: Files | None


class BoardFiles:
    """Jobs that ran here are shown where they are; of others, copies are fetched from their workspace."""

    def __init__(self, settings: Settings, database: Database, vault: Vault) -> None:
        self._settings = settings
        self._database = database
        self._vault = vault
        self._looked: dict[UUID, float] = {}
        self._guard = threading.Lock()

    def folder(self, experiment_id: UUID) -> Path:
        """What the board of an experiment shows, brought up to date at most every FRESH_SECONDS."""
        folder = self._settings.boards_dir / str(experiment_id)
        with self._guard:
            fresh = time.monotonic() - self._looked.get(experiment_id, float("-inf")) < FRESH_SECONDS
            if not fresh:
                self._looked[experiment_id] = time.monotonic()
        if not fresh:
            folder.mkdir(parents=True, exist_ok=True)
            with self._database.read() as session:
                sources = list(self._sources(session, experiment_id))
            for source in sources:
                _bring(source, folder / source.name)
        return folder

    def _sources(self, session: Session, experiment_id: UUID) -> Iterator[_Source]:
        jobs = select(Job).where(Job.experiment_id == experiment_id, Job.started_on.is_not(None))
        for job in session.scalars(jobs.order_by(Job.created_on)):
            try:
                remote = results_of(session, self._vault, job)
            except ServiceError:
                remote = None  # its workspace is gone
            results = JobFolder(self._settings.jobs_dir / str(job.id)).results
            yield _Source(f"{job.action} {str(job.id)[:8]}", results / EVENT_FILES, remote)


def _bring(source: _Source, target: Path) -> None:
    if source.local.is_dir():
        if not target.exists():
            target.symlink_to(source.local)
    elif source.remote and not target.is_symlink():
        try:
            _fetch(source.remote, target)
        except (StorageError, OSError) as error:
            _log.warning("board_files_not_fetched", error=str(error))


def _fetch(remote: Files, target: Path) -> None:
    """Event files only grow: one of another size is fetched again."""
    for info in remote.list(EVENT_FILES):
        copy = target / info.key.removeprefix(f"{EVENT_FILES}/")
        if not copy.exists() or copy.stat().st_size != info.size:
            copy.parent.mkdir(parents=True, exist_ok=True)
            remote.download(info.key, copy)
