"""The scheduler: claims jobs that may run, watches those that do, takes over those that lost their server."""

import secrets
import threading
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tunesmith.protocol import Cause
from tunesmith.server.jobs.details import Details
from tunesmith.server.jobs.states import IllegalTransitionError, Status, transition
from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.platform import this_machine
from tunesmith.server.kit.secrets import Vault, key_file
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling import claims
from tunesmith.server.scheduling.claims import Claim
from tunesmith.server.scheduling.executors.base import Executor, Slot
from tunesmith.server.scheduling.executors.local import LocalExecutor
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.slots import SlotPool, SlotUse
from tunesmith.server.scheduling.waiting import Queue
from tunesmith.server.scheduling.watch import Watch

_log = structlog.get_logger()


class Scheduler:
    """One thread that decides, and one for each running job."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        vault: Vault,
        hint: Hint,
        executor: Executor | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._vault = vault
        self._hint = hint
        self._executor = executor or LocalExecutor()
        self._pool = SlotPool(settings.compute_slots, settings.io_slots, len(this_machine().gpus))
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._queue = Queue()
        self._owner = ""
        self._watches: dict[UUID, Watch] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the deciding thread runs."""
        return self._thread.is_alive()

    def slots(self) -> Mapping[Slot, SlotUse]:
        """How far each kind of slot is in use."""
        with self._guard:
            return self._pool.uses()

    def start(self) -> None:
        """Begin; returns at once."""
        owner_file = self._settings.data_dir / "server_id"
        self._owner = key_file(owner_file, lambda: secrets.token_hex(16).encode()).decode()
        self._executor.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop deciding, let workers write their checkpoints, and leave their jobs to the next start."""
        self._stopping.set()
        self._hint.wake()
        if self._thread.is_alive():
            self._thread.join()
        with self._guard:
            watches = list(self._watches.values())
        for watch in watches:
            watch.suspend(self._settings.stop_grace)
        for watch in watches:
            watch.join()
        self._executor.close()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except SQLAlchemyError:
                # The database may be back at the next look; until then nothing can be decided.
                _log.exception("scheduler_lost_database")
            self._hint.wait(self._settings.lease_seconds / 3)

    def _look(self) -> None:
        self._keep_leases()
        self._pass_on_stops()
        self._take_over_orphans()
        self._claim_waiting()

    def _held(self) -> list[Claim]:
        with self._guard:
            return [watch.claim for watch in self._watches.values()]

    def _keep_leases(self) -> None:
        if held := self._held():
            with self._database.write() as session:
                claims.extend(session, [claim.token for claim in held], self._lease)

    def _pass_on_stops(self) -> None:
        """Tell the workers of jobs that are to end. One that is paused has the time to save where it is."""
        if not (held := self._held()):
            return
        with self._database.read() as session:
            asked = claims.stopping(session, [claim.job_id for claim in held])
        with self._guard:
            watches = [self._watches[job_id] for job_id in asked if job_id in self._watches]
        for watch in watches:
            pausing = asked[watch.claim.job_id] is Status.PAUSING
            watch.stop(self._settings.stop_grace if pausing else self._settings.cancel_grace)

    def _take_over_orphans(self) -> None:
        held = [claim.job_id for claim in self._held()]
        with self._database.read() as session:
            lost = [job.id for job in claims.orphans(session, self._owner, held)]
        for job_id in lost:
            with self._database.write() as session, self._guard:
                job = session.get_one(Job, job_id, with_for_update=True)
                claim = claims.take_over(job, self._owner, self._lease, self._pool)
            if claim:
                _log.info("job_taken_over", job=str(job_id))
                self._watch(claim)

    def _claim_waiting(self) -> None:
        with self._guard:
            pool = self._pool.copy()
        with self._database.read() as session:
            due = self._queue.due(session, pool)
        for job_id in due:
            if self._stopping.is_set():
                return
            try:
                claim = self._claim(job_id)
            except IllegalTransitionError:
                continue  # cancelled a moment ago
            except ValueError as error:
                self._give_up(job_id, error)
                continue
            if claim:
                self._watch(claim)

    def _claim(self, job_id: UUID) -> Claim | None:
        claim = None
        try:
            with self._database.write() as session, self._guard:
                job = session.get(Job, job_id, with_for_update=True)
                if job is not None:
                    claim = claims.claim(session, job, self._owner, self._lease, self._pool)
        except BaseException:
            if claim:
                self._give_back(claim)
            raise
        return claim

    def _give_up(self, job_id: UUID, error: ValueError) -> None:
        """A job whose row makes no sense fails by itself and stops no other."""
        _log.error("job_row_unreadable", job=str(job_id), error=str(error))
        details = Details.of_failure(Cause.INTERNAL, f"The job as stored cannot be read: {error}")
        with self._database.write() as session:
            session.get_one(Job, job_id).details = details.model_dump(mode="json")
            transition(session, job_id, Status.ERROR, details.message)

    def _watch(self, claim: Claim) -> None:
        watch = Watch(claim, self._settings, self._database, self._vault, self._executor, on_end=self._ended)
        with self._guard:
            self._watches[claim.job_id] = watch
        watch.start()

    def _ended(self, watch: Watch) -> None:
        with self._guard:
            del self._watches[watch.claim.job_id]
        self._give_back(watch.claim)
        self._hint.wake()

    def _give_back(self, claim: Claim) -> None:
        with self._guard:
            self._pool.give_back(claim.slot, claim.gpus)
