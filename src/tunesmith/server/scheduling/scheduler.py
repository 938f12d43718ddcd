"""The scheduler: claims jobs that may run, watches those that do, takes over those that lost their server."""

import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from tunesmith.server.jobs.queue import ROOM, look_again, release, release_all
from tunesmith.server.jobs.states import IllegalTransitionError, Status
from tunesmith.server.kit import leftovers
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.installation import installation_id
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling import claims, servers
from tunesmith.server.scheduling.claims import Claim
from tunesmith.server.scheduling.executors.choice import Ground, ground_of
from tunesmith.server.scheduling.fairness import Turns
from tunesmith.server.scheduling.hint import Hint
from tunesmith.server.scheduling.servers import Peers
from tunesmith.server.scheduling.slots import SlotPool, SlotUse
from tunesmith.server.scheduling.waiting import any_new, look_at_new
from tunesmith.server.scheduling.watch import Watch
from tunesmith.workers.base import Demand, Slot
from tunesmith.workers.machine import this_node

if TYPE_CHECKING:
    from tunesmith.server.scheduling.notices import Notices

_BEATS_A_LEASE = 3
_SWEEP_SECONDS = 60.0
"""How often all waiting jobs are looked at again: nothing waits for ever because a word was lost. Folders
that have to go go then, too."""
_RETRY_SECONDS = 1.0
_SOON_SECONDS = 0.5
_CANDIDATES = 20
"""Jobs of an organisation that are looked at for one kind of slot: those behind them wait longer anyway."""

_log = structlog.get_logger()


class _Take(Protocol):
    """Takes a job in a transaction that writes; None if it is not to be had."""

    def __call__(self, session: Session, *, gpus: tuple[int, ...]) -> Claim | None: ...


class Scheduler:
    """One thread that decides, and one for each running job."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        vault: Vault,
        hint: Hint,
        ground: Ground | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._vault = vault
        self._hint = hint
        self._executor, self._capacity_now = ground or ground_of(settings, database, hint.wake_here)
        self._capacity = self._capacity_now()
        self._pool = SlotPool(self._capacity)
        self._turns = Turns()
        self._peers = Peers(patience=settings.lease_seconds)
        self._owner = ""
        self._next_beat = self._next_sweep = 0.0
        self._freed = self._room_left = False
        self._last_end = 0.0
        self._notices: Notices | None = None
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
        self._owner = installation_id(self._settings)
        with self._database.write() as session:
            servers.register(session, self._owner, this_node().name, self._capacity)
        if self._is_shared:
            from tunesmith.server.scheduling.notices import Notices

            self._notices = Notices(self._database, self._hint, self._owner)
            self._notices.start()
        self._executor.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop deciding, let workers write their checkpoints, and leave their jobs to the next start."""
        self._stopping.set()
        self._hint.wake_here()
        if self._thread.is_alive():
            self._thread.join()
        with self._guard:
            watches = list(self._watches.values())
        for watch in watches:
            watch.suspend(self._settings.stop_grace)
        for watch in watches:
            watch.join()
        self._executor.close()
        try:
            with self._database.write() as session:
                servers.leave(session, self._owner)
        except SQLAlchemyError:
            _log.warning("server_left_unsaid")  # others notice that its heart stands still
        self._hint.wake()
        if self._notices:
            self._notices.stop()

    @property
    def _is_shared(self) -> bool:
        """Whether other servers may use the same database."""
        return self._database.engine.dialect.name == "postgresql"

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except SQLAlchemyError:
                # The database may be back at the next look; until then nothing can be decided.
                _log.exception("scheduler_lost_database")
                self._peers.forget()
                self._next_beat = 0.0
                self._stopping.wait(_RETRY_SECONDS)
                continue
            self._hint.wait(max(0.0, self._next_beat - time.monotonic()))

    def _look(self) -> None:
        if self._freed:  # a slot does not wait for what else there is to see
            self._freed = False
            self._claim_ready()
        self._see_what_there_is()
        if time.monotonic() >= self._next_beat:
            self._beat()
            self._take_over_orphans()
        self._pass_on_stops()
        self._look_at_new()
        self._claim_ready()

    def _see_what_there_is(self) -> None:
        """Nodes of a cluster come and go. The other servers hear of it with the next heartbeat: now."""
        there, before = self._capacity_now(), self._capacity
        if there != before:
            with self._guard:
                self._pool.resize(there)
            self._next_beat = 0.0
        if there != before or (self._room_left and there.is_placed):
            with self._database.write() as session:
                release(session, ROOM)
                if there.trouble != before.trouble:
                    look_again(session)
        self._room_left = False
        self._capacity = there

    def _beat(self) -> None:
        """Keep the leases, and tell the workers whose they are."""
        started = time.monotonic()
        with self._guard:
            watches = list(self._watches.values())
        with self._database.write() as session:
            if not servers.beat(session, self._owner, self._capacity):
                servers.register(session, self._owner, this_node().name, self._capacity)
            if sweeps := started >= self._next_sweep:
                release_all(session)
            held = claims.still_held(session, [watch.claim.token for watch in watches])
        for watch in watches:
            if watch.claim.token in held:
                watch.keep()
        if sweeps:
            leftovers.sweep(self._database, self._settings)
            self._next_sweep = started + _SWEEP_SECONDS
        self._next_beat = started + self._settings.lease_seconds / _BEATS_A_LEASE

    def _pass_on_stops(self) -> None:
        """Tell the workers of jobs that are to end. One that is paused has the time to save where it is."""
        if not (held := self._held()):
            return
        with self._database.read() as session:
            asked = claims.stopping(session, held)
        with self._guard:
            watches = [self._watches[job_id] for job_id in asked if job_id in self._watches]
        for watch in watches:
            pausing = asked[watch.claim.job_id] is Status.PAUSING
            watch.stop(self._settings.stop_grace if pausing else self._settings.cancel_grace)

    def _take_over_orphans(self) -> None:
        with self._database.read() as session:
            alive = self._peers.look(session) - {self._owner}
            lost = claims.orphans(session, alive, self._held())
        for job_id, demand in lost:
            take = partial(claims.take_over, job_id=job_id, owner=self._owner, alive=alive)
            if self._claim(demand, take):
                _log.info("job_taken_over", job=str(job_id))
        for gone in self._peers.known - alive - {self._owner}:
            with self._database.write() as session:
                servers.bury(session, gone)

    def _look_at_new(self) -> None:
        with self._database.read() as session:
            more = any_new(session)
        while more and not self._stopping.is_set():
            with self._database.write() as session:
                more = look_at_new(session, servers.fleet(session))

    def _claim_ready(self) -> None:
        with self._guard:
            open_slots = [slot for slot in Slot if self._pool.offers(slot)]
        if not open_slots:
            return
        with self._database.read() as session:
            ready = [one for slot in open_slots for one in claims.candidates(session, slot, _CANDIDATES)]
            shares = claims.shares(session, {one.org_id for one in ready})
        for candidate in self._turns.choose(ready, shares, self._pool):
            if self._stopping.is_set():
                return
            try:
                self._claim(candidate.demand, partial(claims.claim, wanted=candidate, owner=self._owner))
            except IllegalTransitionError:
                continue  # cancelled a moment ago

    def _held(self) -> list[UUID]:
        with self._guard:
            return list(self._watches)

    def _claim(self, demand: Demand, take: _Take) -> bool:
        """Occupy what a job needs, take the job, and watch it. False if there is no room, or no such job."""
        with self._guard:
            if not self._pool.has_room(demand):
                return False
            gpus = self._pool.take(demand)
        claim = None
        try:
            with self._database.write() as session:
                taken = take(session, gpus=gpus)
            claim = taken
        finally:
            if claim is None:
                self._give_back(demand, gpus)
        if claim:
            self._watch(claim)
        return claim is not None

    def _watch(self, claim: Claim) -> None:
        watch = Watch(
            claim, self._settings, self._database, self._vault, self._executor, self._owner, self._ended
        )
        with self._guard:
            self._watches[claim.job_id] = watch
        watch.start()

    def _ended(self, watch: Watch) -> None:
        with self._guard:
            del self._watches[watch.claim.job_id]
        self._give_back(watch.claim.demand, watch.claim.gpus)
        self._freed = True
        if not watch.was_put_back:
            self._last_end = time.monotonic()
        self._room_left = self._room_left or self._last_end > watch.begun_at
        # If the job was let go of before its end, it is looked for soon.
        self._next_beat = min(self._next_beat, time.monotonic() + _SOON_SECONDS)
        self._hint.wake()

    def _give_back(self, demand: Demand, gpus: tuple[int, ...]) -> None:
        with self._guard:
            self._pool.give_back(demand, gpus)
