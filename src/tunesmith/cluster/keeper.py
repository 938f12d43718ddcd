"""The actor that runs jobs on one node of a Ray cluster, for one server.

It holds a warm process, so that a job starts at once, and a `Stay` for each attempt. Ray starts it again when
it dies; its workers go on meanwhile, and are found again when the broker asks for them. It ends by itself
when no broker has been heard for long.
"""

import asyncio
import os
import socket
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import ray
import structlog

import tunesmith
from tunesmith.cluster.home import Home, obstacle
from tunesmith.cluster.parts import Ending, Held, Hello, Key, Part
from tunesmith.cluster.records import Records
from tunesmith.cluster.stay import Stay
from tunesmith.protocol import Failed
from tunesmith.protocol.lease import clock
from tunesmith.workers.base import ExecutorError, Slot
from tunesmith.workers.local import LocalExecutor
from tunesmith.workers.machine import this_node
from tunesmith.workers.orders import Adoption

DESERTED_SECONDS = 900.0
"""How long a keeper without workers stays when no broker is heard."""
_LOOK_SECONDS = 10.0
_ENDINGS_KEPT = 1000

_log = structlog.get_logger()


class Keeper:
    """Its methods run in one event loop; what takes longer runs in threads."""

    def __init__(self, server: str, node: str, node_dir: str | None, modules: tuple[str, ...]) -> None:
        # Ray means these for what computes in its own processes; jobs are told their threads and GPUs.
        for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
            os.environ.pop(name, None)
        self._home = Home(Path(node_dir) if node_dir else None, server, node)
        self._records = Records(self._home)
        self._executor = LocalExecutor(self._home.run_dir, modules, (), (Slot.CPU,))
        self._executor.start()
        self._stays: dict[Key, Stay] = {}
        self._ended: OrderedDict[Key, asyncio.Future[Ending]] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard_at = clock()

    async def hello(self) -> Hello:
        """What there is here, and the time."""
        self._heard_at = clock()
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._watch = self._loop.create_task(self._leave_when_deserted())
        return Hello(clock=clock(), node=this_node(), version=tunesmith.__version__)

    async def meeting(self) -> str:
        """A place on this node where the workers of an attempt can meet, as HOST:PORT."""
        host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]  # Ray has no type for it
        with socket.create_server((host, 0)) as free:
            return f"{host}:{free.getsockname()[1]}"

    async def check(self, part: Part) -> Failed | None:
        """Why the job cannot run on this node, if it cannot."""
        return obstacle(part.request, this_node().name)

    async def launch(self, part: Part, at: float) -> str:
        """Start a part of an attempt. Returns why there is no worker; nothing if there is one."""
        await self._end_others(part.key)
        resources = part.request.resources
        held = Held(key=part.key, node=resources.node, nodes=resources.nodes, group=part.group)
        stay = self._stay(held)
        self._records.write(held)
        try:
            await asyncio.to_thread(stay.begin, part, at)
        except ExecutorError as error:
            self._forget(stay, Ending(words=str(error), well=False))
            return str(error)
        return ""

    async def holds(self, job_id: UUID) -> Held | None:
        """The newest part of the job that this node has or had a worker for."""
        self._heard_at = clock()
        known = [stay.held for stay in self._stays.values()] + self._records.read()
        return max((held for held in known if held.key.job_id == job_id), key=_attempt, default=None)

    async def adopt(self, held: Held, adoption: Adoption, at: float) -> bool:
        """Report to a server that was not known before. Whether there is a worker, or an ending."""
        if stay := self._stays.get(held.key):
            stay.redirect(adoption.report_url, at)
            return True
        if held.key in self._ended:
            return True
        stay = self._stay(held)
        if await asyncio.to_thread(stay.adopt, adoption, at):
            return True
        self._forget(stay, Ending(words="its process is gone", well=False))
        return False

    async def keep(self, key: Key, at: float) -> float:
        """A server held the job at that time of this node's clock. Returns the time."""
        self._heard_at = clock()
        if stay := self._stays.get(key):
            stay.keep(at)
        return clock()

    async def stop(self, key: Key) -> None:
        """Ask a worker to end."""
        if stay := self._stays.get(key):
            stay.stop()

    async def kill(self, key: Key) -> None:
        """End a worker now."""
        if stay := self._stays.get(key):
            stay.kill()

    async def ended(self, key: Key) -> Ending | None:
        """How the worker ended, when it has; None if there is no such worker."""
        future = self._ended.get(key)
        return await asyncio.shield(future) if future else None

    async def close(self) -> None:
        """Have the workers write their checkpoints, then end them, and remove all folders."""
        await asyncio.to_thread(self._executor.close)
        self._home.close()

    def _stay(self, held: Held) -> Stay:
        loop = asyncio.get_running_loop()
        self._ended[held.key] = loop.create_future()
        stay = Stay(
            held, self._home, self._executor, lambda one: loop.call_soon_threadsafe(self._settle, one)
        )
        self._stays[held.key] = stay
        return stay

    def _settle(self, stay: Stay) -> None:
        assert stay.ending  # noqa: S101 - it has just ended
        self._forget(stay, stay.ending)
        if stay.held.node == 0:
            _free(stay.held.group)

    def _forget(self, stay: Stay, ending: Ending) -> None:
        self._records.remove(stay.held)
        self._stays.pop(stay.key, None)
        future = self._ended[stay.key]
        if not future.done():
            future.set_result(ending)
        while len(self._ended) > _ENDINGS_KEPT and next(iter(self._ended.values())).done():
            self._ended.popitem(last=False)

    async def _end_others(self, key: Key) -> None:
        """An earlier attempt of the job that has lost its server ends before the next one begins."""
        for other in [one for one in self._stays if one.job_id == key.job_id]:
            self._stays[other].kill()
            await asyncio.shield(self._ended[other])

    async def _leave_when_deserted(self) -> None:
        while self._stays or clock() < self._heard_at + DESERTED_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
        _log.warning("keeper_deserted")
        await self.close()
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


def _attempt(held: Held) -> int:
    return held.key.attempt


def _free(group: str) -> None:
    """Give the resources of an attempt back: the broker may not be there to do it."""
    with suppress(ValueError, ray.exceptions.RayError):  # the broker may be faster
        ray.util.remove_placement_group(ray.util.get_placement_group(group))
