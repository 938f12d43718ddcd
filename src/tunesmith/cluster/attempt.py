"""One attempt to run a job on a cluster, as the broker sees it: on one node, or on several at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

import ray
import structlog

from tunesmith.cluster.nodes import Nodes
from tunesmith.cluster.parts import Ending, Held, Key
from tunesmith.cluster.placing import give_back
from tunesmith.cluster.remote import RemoteKeeper
from tunesmith.protocol.lease import clock
from tunesmith.workers.orders import Adoption

UNHEARD = (ray.exceptions.RayError, TimeoutError)
"""How it shows that a node, or the cluster, does not answer."""
STUCK_SECONDS = 20.0
"""How long the leading worker may take to notice that another one is gone."""
_PAUSE_SECONDS = 0.5

_log = structlog.get_logger()


class Seat(NamedTuple):
    """A node's part of an attempt."""

    held: Held
    node: str
    keeper: RemoteKeeper


class Attempt:
    """Passes on what the server says, and finds out how the attempt ends.

    Attributes:
        held_at: when the server was last known to hold the job, on this machine's clock.
    """

    def __init__(self, nodes: Nodes, key: Key, adoption: Adoption, held_at: float) -> None:
        """Args:
        nodes: the cluster's.
        key: of the attempt.
        adoption: how a keeper that has lost track of its worker finds it again.
        held_at: when the server held the job.
        """
        self.held_at = held_at
        self.given_up = False
        self._last_word = ""
        self._nodes = nodes
        self._key = key
        self._adoption = adoption
        self._seats: tuple[Seat, ...] = ()
        self._silent: set[str] = set()
        """Nodes that did not answer: what they were told before counts, and nothing is said in between."""
        self._calls: set[asyncio.Task[None]] = set()

    def sit(self, seats: Sequence[Seat]) -> None:
        """Its nodes are these, the leading one first."""
        self._seats = tuple(seats)
        self._tell(lambda seat: seat.keeper.keep(self._key, self.held_at))

    def hear(self, words: Sequence[str]) -> None:
        """The server says something to the workers.

        Raises:
            ValueError: it makes no sense.
        """
        match words:
            case ["keep", stamp]:
                self.held_at = max(self.held_at, min(float(stamp), clock()))
                self._tell(lambda seat: seat.keeper.keep(self._key, self.held_at))
            case ["stop" | "kill" as word]:
                self.given_up = True
                self._last_word = word
                self._tell(self._repeat)
            case _:
                raise ValueError(" ".join(words)[:40])

    async def to_end(self) -> str:
        """How it ended, in words: as the worker that leads did, unless another one is why."""
        endings = {asyncio.create_task(self._ending(seat)): seat for seat in self._seats}
        try:
            return await self._first_cause(endings)
        finally:
            for task in endings:
                task.cancel()

    async def _first_cause(self, endings: dict["asyncio.Task[Ending]", Seat]) -> str:
        why, patience = "", None
        waiting = set(endings)
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                await self.kill_all()
            for task in done:
                seat, ending = endings[task], task.result()
                if len(self._seats) > 1 and not ending.well:
                    why = why or f"on the node {self._nodes.name(seat.node)}, {ending.words}"
                if seat.held.node == 0:
                    await self.kill_all()
                    return why or ending.words
            if why:
                patience = STUCK_SECONDS  # to say why, if the leading one knows better
        raise AssertionError("one of them leads")

    async def kill_all(self) -> None:
        """End all workers that can be reached: an attempt does not go on without one of them."""
        await asyncio.gather(*(_unless_unheard(seat.keeper.kill(self._key)) for seat in self._seats))

    def release(self) -> None:
        """Give its resources back."""
        if self._seats:
            give_back(self._seats[0].held.group)

    async def _ending(self, seat: Seat) -> Ending:
        """How the worker on one node ended. It is certain: nothing of it is left there."""
        while True:
            try:
                if ending := await seat.keeper.ended(self._key):
                    return ending
                found: Ending | None = await self._adopted(seat)
            except UNHEARD as error:
                _log.warning("node_unheard", attempt=str(self._key), error=type(error).__name__)
                found = await self._searched(seat)
            if found:
                return found

    async def _searched(self, seat: Seat) -> Ending | None:
        """Look for a worker on a node that does not answer. None if it is found; else it has ended.

        A node that is lost may only be cut off: its worker then ends with the lease that it was told of last.
        One that does not lead can do no harm, as it neither reports nor publishes.
        """
        self._silent.add(seat.node)
        told_at, until = self.held_at, clock() + self._adoption.lease_seconds
        while self._nodes.is_there(seat.node) and clock() < until:
            told_at = self.held_at
            try:
                return await self._adopted(seat)
            except UNHEARD:
                await asyncio.sleep(_PAUSE_SECONDS)
        if seat.held.node == 0:
            await asyncio.sleep(told_at + self._adoption.lease_seconds - clock())
        return Ending(words=f"the node {self._nodes.name(seat.node)} is lost", well=False)

    async def _adopted(self, seat: Seat) -> Ending | None:
        """Have a keeper go on that has lost track of the worker. How it ended, if there is none."""
        if not await seat.keeper.adopt(seat.held, self._adoption, self.held_at):
            return Ending(words="its process is gone", well=False)
        self._silent.discard(seat.node)
        await self._repeat(seat)  # what was said while nobody kept the worker
        return None

    async def _repeat(self, seat: Seat) -> None:
        """Say what the server said last."""
        match self._last_word:
            case "stop":
                await seat.keeper.stop(self._key)
            case "kill":
                await seat.keeper.kill(self._key)

    def _tell(self, call: Callable[[Seat], Awaitable[None]]) -> None:
        for seat in [one for one in self._seats if one.node not in self._silent]:
            task = asyncio.create_task(_unless_unheard(call(seat)))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)


async def _unless_unheard(call: Awaitable[Any]) -> None:
    """A word to a worker that is not heard is lost: its lease ends it."""
    try:
        await call
    except UNHEARD as error:
        _log.warning("word_unheard", error=type(error).__name__)


def seats_of(nodes: Nodes, found: Iterable[tuple[str, Held]]) -> list[Seat]:
    """The seats of nodes that have parts of an attempt, the leading one first."""
    seats = [Seat(held, node, keeper) for node, held in found if (keeper := nodes.keeper(node)) is not None]
    return sorted(seats, key=lambda seat: seat.held.node)
