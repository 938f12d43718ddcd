"""Workers on the nodes of a Ray cluster, through a broker; what only moves data runs on this machine."""

import threading
from collections.abc import Callable
from pathlib import Path
from socket import socket
from uuid import UUID

import structlog
from pydantic import ValidationError

from tunesmith.protocol import JobFolder, JobRequest, Launch
from tunesmith.server.kit.settings import Settings
from tunesmith.server.scheduling.executors.ray_worker import RayWorker
from tunesmith.server.scheduling.resources import Capacity
from tunesmith.storage.locations import FolderStore
from tunesmith.workers.base import Demand, ExecutorError, Slot, Worker
from tunesmith.workers.companion import Companion
from tunesmith.workers.local import COMPUTE_MODULES, LIGHT_MODULES, LocalExecutor
from tunesmith.workers.orders import Adoption, BrokerSettings, Cluster, Order
from tunesmith.workers.places import Places, connect

READY_SECONDS = 90.0
"""How long a broker may take until it has found its cluster, or has started one."""
CLOSE_SECONDS = 40.0
"""A little longer than a broker takes to end what runs on its nodes."""
_PAUSE_SECONDS = 0.5
_TOO_SMALL = "No node of the Ray cluster has {} processors, which a job takes (TUNESMITH_RAY_JOB_CPUS)"
_BROKER_LOST = (
    "The process that speaks with the Ray cluster has ended and is started again; if that happens over and "
    "over, the server's standard error says why"
)

_log = structlog.get_logger()


class RayExecutor:
    """Gives jobs to its broker, and knows from it what the cluster has."""

    def __init__(
        self,
        settings: Settings,
        server_id: str,
        adoption_of: Callable[[UUID], Adoption],
        on_change: Callable[[], None],
        modules: tuple[tuple[str, ...], tuple[str, ...]] = (COMPUTE_MODULES, LIGHT_MODULES),
    ) -> None:
        """Args:
        settings: of the server.
        server_id: its id: what it has on the nodes is named by it.
        adoption_of: how a job's worker reports to this server; raises ExecutorError if it cannot.
        on_change: called when the cluster has changed.
        modules: what warm processes for computing and for moving data import.
        """
        self._settings = settings
        self._adoption_of = adoption_of
        self._on_change = on_change
        folder = settings.run_dir / "ray"
        self._note = folder / "cluster.json"
        self._local = LocalExecutor(settings.run_dir, modules[0], modules[1], (Slot.IO,))
        self._places = Places(folder / "brokers")
        asked = BrokerSettings(
            server=server_id,
            address=settings.ray_address or "",
            run_dir=folder,
            node_dir=settings.ray_node_dir,
            modules=modules[0],
            memory_mb=round(1024 * settings.memory_gb) if settings.memory_gb else None,
        )
        self._broker = Companion(
            "broker", "tunesmith.cluster.broker", [asked.model_dump_json()], self._places
        )
        self._cluster = Cluster(nodes=_noted(self._note).nodes, trouble="The Ray cluster is being looked for")
        self._closing = threading.Event()

    def start(self) -> None:
        """Start the broker, which finds the cluster, in the background."""
        self._local.start()
        self._places.open()
        self._broker.start()
        threading.Thread(target=self._watch, name="cluster", daemon=True).start()

    def capacity(self) -> Capacity:
        """What the cluster has, as far as is known. When it does not answer, nothing can begin there."""
        settings, cluster = self._settings, self._cluster
        slots = sum(node.cores // settings.ray_job_cpus for node in cluster.nodes)
        small = not cluster.trouble and not slots and not any(node.gpus for node in cluster.nodes)
        return Capacity(
            cpu_slots=min(slots, settings.cpu_slots) if settings.cpu_slots else slots,
            io_slots=settings.io_slots,
            nodes=cluster.nodes,
            is_placed=True,
            trouble=_TOO_SMALL.format(settings.ray_job_cpus) if small else cluster.trouble,
        )

    def launch(self, launch: Launch, demand: Demand) -> Worker:
        """Have a worker started. What goes wrong on the cluster is how it ends.

        Raises:
            ExecutorError: no process could be started.
        """
        if demand.slot is Slot.IO:
            return self._local.launch(launch, demand)
        folder = JobFolder(launch.folder)
        _make_results_of(folder.request())
        adoption = self._adoption_of(UUID(launch.job))
        order = Order(
            launch=launch,
            report_url=adoption.report_url,
            cpus=self._settings.ray_job_cpus if demand.slot is Slot.CPU else 0,
            gpus=demand.gpus,
            memory_mb=demand.memory_mb,
            platform=demand.platform,
            patience=self._settings.ray_placement_seconds,
        )
        worker = RayWorker(self._connect, adoption, folder)
        worker.launch(order)
        return worker

    def adopt(self, job_id: UUID) -> Worker | None:
        """The worker of a job, on this machine or on the cluster, whichever server has started it."""
        if worker := self._local.adopt(job_id):
            return worker
        try:
            adoption = self._adoption_of(job_id)
        except ExecutorError:
            return None
        remote = RayWorker(self._connect, adoption, JobFolder(self._settings.jobs_dir / str(job_id)))
        return remote if remote.adopt() else None

    def close(self) -> None:
        """End what runs for this server, on the cluster too, and the cluster if it is this server's own."""
        self._closing.set()
        self._broker.ask_to_end()
        self._local.close()
        self._broker.await_end(CLOSE_SECONDS)
        self._places.close()

    def _connect(self) -> socket:
        """A connection to the broker, which is ready."""
        _, path = self._broker.running()
        channel = connect(path, READY_SECONDS)
        try:
            if channel.recv(len(b"ready\n")) != b"ready\n":
                raise ConnectionResetError("the broker has ended")
        except OSError:
            channel.close()
            raise
        channel.settimeout(None)
        return channel

    def _watch(self) -> None:
        """Hear of the cluster as long as this server runs."""
        while not self._closing.is_set():
            try:
                with self._connect() as channel, channel.makefile("rwb", buffering=0) as talk:
                    talk.write(b"watch\n")
                    for line in talk:
                        self._see(Cluster.model_validate_json(line.removeprefix(b"cluster ")))
            except (OSError, ExecutorError) as error:
                if not self._closing.is_set():
                    _log.warning("broker_lost", error=str(error))
                    self._see(Cluster(trouble=_BROKER_LOST))
            self._closing.wait(_PAUSE_SECONDS)

    def _see(self, found: Cluster) -> None:
        if found.trouble and not found.nodes:
            found = found.model_copy(update={"nodes": self._cluster.nodes})  # it is to come back
        elif found.nodes != self._cluster.nodes:
            self._note.write_text(found.model_dump_json(), encoding="utf-8")
        if found != self._cluster:
            self._cluster = found
            self._on_change()


def _make_results_of(request: JobRequest) -> None:
    """Make the folder of the job's results, by which a node tells that it sees this disk (`cluster.home`)."""
    if request.results and isinstance(store := request.results.location.store, FolderStore):
        (store.path / request.results.location.prefix).mkdir(parents=True, exist_ok=True)


def _noted(note: Path) -> Cluster:
    """What the cluster had when it was seen last: jobs may be posted before it is seen again."""
    try:
        return Cluster.model_validate_json(note.read_bytes())
    except (OSError, ValidationError):
        return Cluster()
