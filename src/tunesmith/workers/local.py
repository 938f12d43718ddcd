"""Workers on this machine, forked from processes that have the heavy imports done."""

import socket
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from tunesmith.protocol import Launch
from tunesmith.protocol.channel import encode
from tunesmith.protocol.lease import clock
from tunesmith.workers.base import Demand, ExecutorError, Slot
from tunesmith.workers.places import Places, connect
from tunesmith.workers.warm import WarmProcess
from tunesmith.workers.worker import LocalWorker, begin

COMPUTE_MODULES = ("tunesmith.training.worker", "tunesmith.training.preload")
LIGHT_MODULES = ("tunesmith.training.worker", "tunesmith.training.dataservices.pull")
ADOPT_SECONDS = 5.0
CLOSE_SECONDS = 25.0
"""A little longer than the fork server gives its workers."""


class LocalExecutor:
    """Two warm processes: one with torch for what computes, one without for what moves data.

    They and their workers outlive the server. The next one on the same data folder adopts the workers, and
    has warm processes of its own for what is new: those of an older one may have older code.
    """

    def __init__(
        self,
        run_dir: Path,
        compute_modules: tuple[str, ...] = COMPUTE_MODULES,
        light_modules: tuple[str, ...] = LIGHT_MODULES,
        slots: Collection[Slot] = tuple(Slot),
    ) -> None:
        """Args:
        run_dir: the folder in the data folder that says where fork servers listen.
        compute_modules: what the process for computing imports.
        light_modules: what the process for moving data imports.
        slots: the kinds of jobs that there will be; only what these need is warmed up.
        """
        self._places = Places(run_dir)
        self._compute = WarmProcess("compute", compute_modules, self._places)
        self._light = WarmProcess("light", light_modules, self._places)
        self._computes, self._moves = bool({Slot.CPU, Slot.GPU} & set(slots)), Slot.IO in slots

    def start(self) -> None:
        """Warm up in the background."""
        self._places.open()
        if self._moves:
            self._light.start()
        if self._computes:
            self._compute.start()

    def launch(self, launch: Launch, demand: Demand, held_at: Callable[[], float] = clock) -> LocalWorker:
        """Fork a worker for the job, which a server is known to hold since `held_at`.

        Raises:
            ExecutorError: no process could be started.
        """
        warm = self._light if demand.slot is Slot.IO else self._compute
        return warm.launch(launch, held_at)

    def adopt(self, job_id: UUID, held_at: Callable[[], float] = clock) -> LocalWorker | None:
        """The worker of a job that a server is known to hold since `held_at`, whoever has started it."""
        fresh = [warm.path for warm in (self._light, self._compute) if not warm.has_launched]
        for path in self._places.sockets():
            if path in fresh:
                continue  # it may still be importing, and has no worker
            with suppress(ExecutorError, OSError):
                if worker := begin(path, ADOPT_SECONDS, "adopt", job_id, held_at=held_at):
                    return worker
        return None

    def close(self) -> None:
        """End all warm processes, and with them all workers, those of servers before this one too."""
        until = time.monotonic() + CLOSE_SECONDS
        own = (self._light, self._compute)
        for warm in own:
            warm.ask_to_end()
        others = [path for path in self._places.sockets() if path not in {warm.path for warm in own}]
        for channel in [channel for path in others if (channel := _told_to_end(path))]:
            with channel, suppress(OSError):
                channel.settimeout(max(0.001, until - time.monotonic()))
                while channel.recv(16):
                    pass  # it comes to an end with the process
        for warm in own:
            warm.await_end(max(0, until - time.monotonic()))
        self._places.close()


def _told_to_end(path: Path) -> socket.socket | None:
    with suppress(OSError):
        channel = connect(path, ADOPT_SECONDS)
        channel.sendall(encode("end"))
        return channel
    return None
