"""A keeper as the broker sees it, across machines whose clocks differ."""

import asyncio
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tunesmith.cluster.keeper import Keeper
from tunesmith.cluster.parts import Ending, Held, Hello, Key, Part
from tunesmith.protocol import Failed
from tunesmith.protocol.lease import clock
from tunesmith.workers.orders import Adoption, BrokerSettings

NAMESPACE = "tunesmith"
ANSWER_SECONDS = 10.0
BEGIN_SECONDS = 150.0
"""A little more than the warm process of a node may take for its first worker."""
_LOOK_SECONDS = 0.02
_DRIFT = 5e-4
"""By how much of a second a clock may differ from another one after a second, at the very most."""


class FarClock:
    """What a clock of another machine shows at a moment of this one's, or a little less: never more.

    It is read over a connection that takes its time. A reading that arrives at `here` was taken before that,
    so the other clock is ahead by its value less `here`, or by more.
    """

    def __init__(self) -> None:
        self._ahead = float("-inf")
        self._read_at = 0.0

    def read(self, there: float, here: float) -> None:
        """A reading of the other clock has arrived."""
        known = self._ahead - _DRIFT * (here - self._read_at)
        self._ahead, self._read_at = max(known, there - here), here

    def at(self, here: float) -> float:
        """What it showed at that moment."""
        return here + self._ahead


class RemoteKeeper:
    """Calls a keeper. All methods raise RayError or TimeoutError when it does not answer."""

    def __init__(self, settings: BrokerSettings, node: str) -> None:
        self.clock = FarClock()
        self._settings = settings
        self._node = node
        self._actor: Any = None

    async def hello(self, seconds: float) -> Hello:
        """What there is on the node, which gets a keeper if it has none."""
        if self._actor is None:
            self._actor = await asyncio.to_thread(self._find)
        found: Hello = await asyncio.wait_for(self._actor.hello.remote(), seconds)
        self.clock.read(found.clock, clock())
        return found

    async def meeting(self) -> str:
        """A place where workers can meet, as HOST:PORT."""
        found: str = await asyncio.wait_for(self._actor.meeting.remote(), ANSWER_SECONDS)
        return found

    async def check(self, part: Part) -> Failed | None:
        """Why the job cannot run on this node, if it cannot."""
        found: Failed | None = await asyncio.wait_for(self._actor.check.remote(part), ANSWER_SECONDS)
        return found

    async def launch(self, part: Part, at: float) -> str:
        """Start a worker. Returns why there is none; nothing if there is one."""
        call = self._actor.launch.remote(part, self.clock.at(at))
        found: str = await asyncio.wait_for(call, BEGIN_SECONDS)
        return found

    async def holds(self, job_id: object) -> Held | None:
        """The newest part of a job that the node knows."""
        found: Held | None = await asyncio.wait_for(self._actor.holds.remote(job_id), ANSWER_SECONDS)
        return found

    async def adopt(self, held: Held, adoption: Adoption, at: float) -> bool:
        """Have it go on for this server. Whether it has the worker, or knows how it ended."""
        call = self._actor.adopt.remote(held, adoption, self.clock.at(at))
        found: bool = await asyncio.wait_for(call, ANSWER_SECONDS)
        return found

    async def keep(self, key: Key, at: float) -> None:
        """The server held the job at that time of this machine's clock."""
        found = await asyncio.wait_for(self._actor.keep.remote(key, self.clock.at(at)), ANSWER_SECONDS)
        self.clock.read(found, clock())

    async def stop(self, key: Key) -> None:
        """Ask the worker to end."""
        await asyncio.wait_for(self._actor.stop.remote(key), ANSWER_SECONDS)

    async def kill(self, key: Key) -> None:
        """End the worker now."""
        await asyncio.wait_for(self._actor.kill.remote(key), ANSWER_SECONDS)

    async def ended(self, key: Key) -> Ending | None:
        """How the worker ended, as soon as it has."""
        found: Ending | None = await self._actor.ended.remote(key)
        return found

    async def close(self, seconds: float) -> None:
        """End the keeper, with all its workers, so that its name is free for the next one."""
        await asyncio.wait_for(self._actor.close.remote(), seconds)
        ray.kill(self._actor, no_restart=True)
        loop = asyncio.get_running_loop()
        until = loop.time() + ANSWER_SECONDS
        while loop.time() < until and await asyncio.to_thread(self._is_named):
            await asyncio.sleep(_LOOK_SECONDS)

    @property
    def _name(self) -> str:
        return f"keeper/{self._settings.server}/{self._node}"

    def _is_named(self) -> bool:
        try:
            ray.get_actor(self._name, NAMESPACE)
        except ValueError:
            return False
        return True

    def _find(self) -> Any:
        node_dir = self._settings.node_dir
        return (
            ray.remote(Keeper)
            .options(
                name=self._name,
                namespace=NAMESPACE,
                lifetime="detached",
                get_if_exists=True,
                num_cpus=0,
                max_restarts=-1,
                max_concurrency=1000,
                scheduling_strategy=NodeAffinitySchedulingStrategy(self._node, soft=False),
            )
            .remote(
                self._settings.server,
                self._node,
                str(node_dir) if node_dir else None,
                self._settings.modules,
            )
        )
