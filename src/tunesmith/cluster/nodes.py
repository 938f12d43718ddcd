"""The nodes of a Ray cluster that can run jobs: each has a keeper."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import ray
import structlog

import tunesmith
from tunesmith.cluster.parts import Hello
from tunesmith.cluster.remote import RemoteKeeper
from tunesmith.workers.machine import Node
from tunesmith.workers.orders import BrokerSettings, Cluster

_FIRST_SECONDS = 60.0
"""How long a keeper may take to begin."""
_ANSWER_SECONDS = 10.0
_GREET_EVERY_SECONDS = 10.0
_LOOK_SECONDS = 1.0

_log = structlog.get_logger()


class Nodes:
    """Looks which nodes there are, again and again, and greets their keepers."""

    def __init__(self, settings: BrokerSettings, on_change: Callable[[Cluster], None]) -> None:
        self._settings = settings
        self._on_change = on_change
        self._infos: dict[str, dict[str, Any]] = {}
        self._keepers: dict[str, RemoteKeeper] = {}
        self._hellos: dict[str, Hello] = {}
        self._faults: dict[str, str] = {}
        self._greetings: dict[str, asyncio.Task[None]] = {}
        self._names: dict[str, str] = {}
        self._silent = False
        self.cluster = Cluster()

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """See which nodes there are. New ones are greeted in the background."""
        try:
            found = await asyncio.wait_for(asyncio.to_thread(ray.nodes), _ANSWER_SECONDS)
        except (ray.exceptions.RayError, TimeoutError):
            self._silent = True
            self._tell()
            return
        self._silent = False
        self._infos = {info["NodeID"]: info for info in found if info["Alive"] and _computes(info)}
        self._names |= {node: str(info["NodeManagerHostname"]) for node, info in self._infos.items()}
        for gone in self._keepers.keys() - self._infos.keys():
            self._forget(gone)
        for new in self._infos.keys() - self._keepers.keys():
            self._keepers[new] = RemoteKeeper(self._settings, new)
            self._greetings[new] = asyncio.create_task(self._greet(new))
        self._tell()

    def is_there(self, node: str) -> bool:
        """Whether a node is, as far as the cluster knows."""
        return node in self._infos

    def name(self, node: str) -> str:
        """How people call it, also when it is gone."""
        return self._names.get(node, node[:12])

    def keeper(self, node: str) -> RemoteKeeper | None:
        """The keeper of a node that can run jobs."""
        return self._keepers[node] if node in self._hellos else None

    def keepers(self) -> dict[str, RemoteKeeper]:
        """All keepers that have answered, by their nodes."""
        return {node: self._keepers[node] for node in self._hellos}

    def allowed(self, platform: UUID | None) -> list[str] | None:
        """The nodes that a job may be placed on; None for all."""
        nodes = self._usable()
        if platform is None and len(nodes) == len(self._infos):
            return None
        return [one for one, node in nodes.items() if platform is None or platform in node.platforms()]

    async def greeted(self) -> None:
        """Wait until each node that is there has answered, or failed to."""
        while any(node not in self._hellos and node not in self._faults for node in self._infos):
            await asyncio.sleep(0.02)

    async def close(self, seconds: float) -> None:
        """End all keepers."""
        for greeting in self._greetings.values():
            greeting.cancel()
        ends = [keeper.close(seconds) for keeper in self.keepers().values()]
        for outcome in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(outcome, BaseException):
                _log.warning("keeper_not_ended", error=repr(outcome))

    async def _greet(self, node: str) -> None:
        keeper = self._keepers[node]
        while True:
            try:
                hello = await keeper.hello(_FIRST_SECONDS)
                self._note(node, hello)
            except (ray.exceptions.RayError, TimeoutError, ValueError) as error:
                self._hellos.pop(node, None)
                self._faults[node] = _in_short(error)
                _log.warning("node_not_usable", node=self.name(node), error=self._faults[node])
            self._tell()
            await asyncio.sleep(_GREET_EVERY_SECONDS)

    def _note(self, node: str, hello: Hello) -> None:
        if hello.version == tunesmith.__version__:
            self._hellos[node] = hello
            self._faults.pop(node, None)
        else:
            self._faults[node] = f"it has tunesmith {hello.version}, the server {tunesmith.__version__}"

    def _forget(self, node: str) -> None:
        self._greetings.pop(node).cancel()
        self._keepers.pop(node)
        self._hellos.pop(node, None)
        self._faults.pop(node, None)
        _log.warning("node_gone", node=node)

    def _usable(self) -> dict[str, Node]:
        infos = {node: info for node, info in self._infos.items() if node in self._hellos}
        names = Counter(info["NodeManagerHostname"] for info in infos.values())
        return {
            node: _node(node, info, self._hellos[node].node, alone=names[info["NodeManagerHostname"]] == 1)
            for node, info in infos.items()
        }

    def _tell(self) -> None:
        nodes = tuple(self._usable().values())
        faults = "; ".join(f"{self.name(node)}: {fault}" for node, fault in self._faults.items())
        trouble = (
            "" if nodes else f"No node of the Ray cluster can run jobs{f' ({faults})' if faults else ''}"
        )
        if self._silent:
            trouble = "The Ray cluster does not answer"
        cluster = Cluster(nodes=nodes, trouble=trouble)
        if cluster != self.cluster:
            self.cluster = cluster
            self._on_change(cluster)


def _computes(info: dict[str, Any]) -> bool:
    return bool(info["Resources"].get("CPU", 0) >= 1 or info["Resources"].get("GPU", 0) >= 1)


def _node(identity: str, info: dict[str, Any], found: Node, *, alone: bool) -> Node:
    """The machine as far as Ray may use it."""
    resources = info["Resources"]
    gpus = int(resources.get("GPU", 0))
    names = (*found.gpus, *["GPU"] * gpus)
    host = info["NodeManagerHostname"]
    return Node(
        name=host if alone else f"{host}/{identity[:8]}",
        processor=found.processor,
        cores=int(resources.get("CPU", 0)),
        memory_mb=int(resources.get("memory", 0)) >> 20,
        gpus=names[:gpus],
    )


def _in_short(error: Exception) -> str:
    """What is behind an error of Ray's, whose texts are long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if missing := next((line for line in lines if "ModuleNotFoundError" in line), ""):
        return f"tunesmith[train,ray] must be installed there as on the server ({missing})"
    if isinstance(error, TimeoutError):
        return f"nothing answered there within {_FIRST_SECONDS:.0f} s"
    return lines[-1] if lines else type(error).__name__
