"""Carries one claimed job from its claim to its end, in a thread of its own."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_UN, flock
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tunesmith.protocol import Cause, Failed, JobFolder, Launch
from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.errors import ServiceError
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.attempts import begin_attempt, ran_here
from tunesmith.server.scheduling.claims import Claim, LeaseLostError, release
from tunesmith.server.scheduling.folding import (
    fold,
    put_back,
    settle_failure,
    settle_if_stopping,
    settle_silent_end,
    take_rest_of_log,
)
from tunesmith.server.scheduling.requests import build_orders
from tunesmith.storage.errors import StorageError
from tunesmith.workers.base import Executor, ExecutorError, Worker

LINGER_SECONDS = 5.0
"""How long a worker may take to exit after it said how the job ended."""
_DATABASE_PAUSE_SECONDS = 0.5

_log = structlog.get_logger()


class Watch(threading.Thread):
    """Starts a job's worker, folds its events as they come, and settles its end."""

    def __init__(
        self,
        claim: Claim,
        settings: Settings,
        database: Database,
        vault: Vault,
        executor: Executor,
        server_id: str,
        on_end: Callable[["Watch"], None],
    ) -> None:
        super().__init__(name=f"watch-{claim.job_id}", daemon=True)
        self.claim = claim
        self._settings = settings
        self._database = database
        self._vault = vault
        self._executor = executor
        self._server_id = server_id
        self._on_end = on_end
        self._folder = JobFolder(settings.jobs_dir / str(claim.job_id))
        self._guard = threading.Lock()
        self._worker: Worker | None = None
        self._stop_grace: float | None = None
        self._suspended = False
        self.begun_at = time.monotonic()
        self.was_put_back = False
        self._occupies = True

    def run(self) -> None:
        """The whole life of the claim."""
        try:
            self._carry()
        except LeaseLostError:
            _log.warning("lease_lost", job=str(self.claim.job_id))
            self.stop(0)
        except SQLAlchemyError:
            # Whichever server reaches the database first goes on with the job.
            _log.exception("watch_lost_database", job=str(self.claim.job_id))
            self.stop(0)
        finally:
            self._make_room()

    def stop(self, grace: float) -> None:
        """Ask the worker to end, and end it when the grace (seconds) is over.

        Asking again is harmless, and shortens the grace if it is less: a job that pauses can be cancelled.
        """
        with self._guard:
            if self._stop_grace is not None and grace >= self._stop_grace:
                return
            self._stop_grace = grace
            worker = self._worker
        if worker:
            self._end(worker, grace)

    def keep(self) -> None:
        """Tell the worker that this server has just extended its lease."""
        with self._guard:
            worker = self._worker
        if worker:
            worker.keep()

    def suspend(self, grace: float) -> None:
        """Stop because the server stops: the job stays Running and goes on when a server is back."""
        self._suspended = True
        self.stop(grace)

    def _carry(self) -> None:
        worker = self._launch() if self.claim.first else self._taken_up()
        while worker and not self._follow(worker):
            worker = self._launch_again()
        take_rest_of_log(self._database, self.claim.job_id, self._folder, self._server_id)

    def _taken_up(self) -> Worker | None:
        """The worker of a job that has had one before; None when the job needs none any more."""
        claim = self.claim
        if ran_here(self._database, claim.job_id, self._server_id):
            if worker := self._adopted():
                return worker
            self._await_folder()
            if self._fold():
                return None
        if settle_if_stopping(self._database, claim.job_id, claim.token):
            return None
        return self._launch_again()

    def _adopted(self) -> Worker | None:
        """The worker that this job has from a server before this one, if it lives."""
        worker = self._executor.adopt(self.claim.job_id)
        if worker:
            _log.info("worker_adopted", job=str(self.claim.job_id))
            self._take(worker)
        return worker

    def _follow(self, worker: Worker) -> bool:
        """See a worker to its end. False if the job is to have another one."""
        settled = False
        while worker.wait():
            if not settled and (settled := self._patiently(self._fold)):
                self._end(worker, LINGER_SECONDS, ask=False)
                if not self.claim.gpus:  # memory of a GPU is free when the process is gone
                    self._make_room()
        if settled or self._patiently(self._fold):
            return True
        if worker.obstacle and not self._suspended:
            return self._patiently(partial(self._put_back, worker.obstacle))
        return self._patiently(lambda: self._settle_silence(worker.ending))

    def _make_room(self) -> None:
        """Say that the job needs no slot any more."""
        if self._occupies:
            self._occupies = False
            self._on_end(self)

    def _patiently(self, step: Callable[[], bool]) -> bool:
        """A step that waits until the database is back. The worker goes on as long as its lease holds."""
        while True:
            try:
                return step()
            except SQLAlchemyError as error:
                if self._suspended:
                    raise
                _log.warning("watch_lost_database", job=str(self.claim.job_id), error=type(error).__name__)
                time.sleep(_DATABASE_PAUSE_SECONDS)

    def _fold(self) -> bool:
        return fold(self._database, self.claim.job_id, self.claim.token, self._folder)

    def _await_folder(self) -> None:
        """A worker of a server that died may still be writing its checkpoint: it leaves first."""
        with suppress(FileNotFoundError), self._folder.lock_path.open("r+") as lock:
            flock(lock, LOCK_EX)
            flock(lock, LOCK_UN)

    def _launch_again(self) -> Worker | None:
        """A further worker, or None when the job ended before it had one."""
        begin_attempt(self._database, self.claim.job_id, self.claim.token, self._server_id, self._folder)
        return self._launch()

    def _launch(self) -> Worker | None:
        """A running worker, or None when the job ended before it had one."""
        try:
            request, secrets, variables = build_orders(
                self._database, self._vault, self._settings, self.claim
            )
            self._folder.create(request)
            token = TokenSigner.of(self._settings).sign_job(self.claim.job_id)
            launch = Launch(
                folder=self._folder.root.resolve(),
                secrets=secrets,
                token=token,
                lease_seconds=self._settings.lease_seconds,
                environment=dict(variables.passed),
                withheld=dict(variables.withheld),
            )
            worker = self._executor.launch(launch, self.claim.demand)
        except ServiceError as error:
            self._fail(Cause.PARENT, str(error))
        except (StorageError, OSError) as error:
            self._fail(Cause.STORAGE, f"The job could not be prepared: {error}")
        except ExecutorError as error:
            if not self._patiently(partial(self._settle_silence, str(error).rstrip("."))):
                return self._launch_again()
        except ValueError as error:
            self._fail(Cause.INTERNAL, f"The job as stored cannot be read: {error}")
        else:
            self._take(worker)
            return worker
        return None

    def _take(self, worker: Worker) -> None:
        with self._guard:
            self._worker = worker
            grace = self._stop_grace
        if grace is not None:
            self._end(worker, grace)

    def _fail(self, cause: Cause, message: str) -> None:
        failure = Failed(cause=cause, message=message)
        settle_failure(self._database, self.claim.job_id, self.claim.token, self._folder, failure)

    def _settle_silence(self, ending: str) -> bool:
        """The worker is gone and said nothing. False if the job is to have another one."""
        claim = self.claim
        if not self._suspended:
            most = self._settings.max_restarts
            return settle_silent_end(self._database, claim.job_id, claim.token, self._folder, ending, most)
        with self._database.write() as session:
            release(session, claim.token)
        return True

    def _put_back(self, obstacle: str) -> bool:
        """The worker never began, and the job waits again."""
        put_back(self._database, self.claim.job_id, self.claim.token, obstacle)
        self.was_put_back = True
        return True

    @staticmethod
    def _end(worker: Worker, grace: float, *, ask: bool = True) -> None:
        if ask:
            worker.stop()
        timer = threading.Timer(grace, worker.kill)
        timer.daemon = True
        timer.start()
