"""Whose job is next: a fair share for each organisation, and no job passed by for ever.

The next job is that of the organisation with the fewest jobs running; among equals, of the one that was
served longest ago; within an organisation, the oldest. A job that does not fit is passed by, so that small
ones use what a large one cannot. Passed by often enough, it is the next to start: nothing else of the
machine is given away until it fits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from tunesmith.server.scheduling.slots import SlotPool
from tunesmith.workers.base import Demand, Slot

PATIENCE = 8
"""How often a job is passed by before room is made for it."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class Candidate(NamedTuple):
    """A job that could start now if it had its slot."""

    job_id: UUID
    org_id: UUID
    posted: datetime
    demand: Demand


@dataclass(frozen=True)
class Share:
    """What an organisation has got so far: jobs that run now, and when the last one started."""

    running: int = 0
    served: datetime = _NEVER


@dataclass
class Turns:
    """Chooses, and remembers which jobs have been passed by how often."""

    _passed: dict[UUID, int] = field(default_factory=dict)

    def choose(
        self, candidates: Iterable[Candidate], shares: Mapping[UUID, Share], pool: SlotPool
    ) -> Iterator[Candidate]:
        """The next jobs, in order, each of which has room when it is given out.

        The caller takes the room of a job before it asks for the next one.
        """
        waiting = sorted(candidates, key=lambda one: (one.posted, one.job_id))
        self._passed = {one.job_id: self._passed.get(one.job_id, 0) for one in waiting}
        waiting = [one for one in waiting if pool.capacity.fits(one.demand)]
        shares = {one.org_id: shares.get(one.org_id, Share()) for one in waiting}
        while chosen := self._next(waiting, shares, pool):
            waiting.remove(chosen)
            self._note_passed(chosen, waiting, pool)
            shares[chosen.org_id] = Share(shares[chosen.org_id].running + 1, datetime.now(UTC))
            yield chosen

    def _next(
        self, waiting: list[Candidate], shares: Mapping[UUID, Share], pool: SlotPool
    ) -> Candidate | None:
        starving = next((one for one in waiting if self._passed[one.job_id] >= PATIENCE), None)
        if starving and pool.has_room(starving.demand):
            return starving
        held = {Slot.CPU, Slot.GPU} if starving else set()
        fitting = [one for one in waiting if one.demand.slot not in held and pool.has_room(one.demand)]

        def turn(one: Candidate) -> tuple[int, datetime, datetime, UUID]:
            share = shares[one.org_id]
            return share.running, share.served, one.posted, one.job_id

        return min(fitting, key=turn, default=None)

    def _note_passed(self, chosen: Candidate, waiting: list[Candidate], pool: SlotPool) -> None:
        """Older jobs without room have been passed by. Transfers use nothing that others wait for."""
        if chosen.demand.slot is Slot.IO:
            return
        for one in waiting:
            older = (one.posted, one.job_id) < (chosen.posted, chosen.job_id)
            if older and one.demand.slot is not Slot.IO and not pool.has_room(one.demand):
                self._passed[one.job_id] += 1
