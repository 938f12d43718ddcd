"""What a job needs, and what there is to run it on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row

from tunesmith.server.jobs.tables import Job
from tunesmith.server.kit.settings import Settings
from tunesmith.workers.base import Demand, Slot
from tunesmith.workers.machine import Node, this_node

_SPARED_MB = 2048
"""What is left to the system, the server and its warm processes."""


class Capacity(BaseModel):
    """What one server runs jobs on: this machine, or the nodes of a cluster.

    Attributes:
        cpu_slots: jobs that may compute on processors at once.
        io_slots: jobs that may move data at once.
        nodes: the machines.
        is_placed: whether it is a cluster, which places jobs by itself: on GPUs that nobody can choose, and
            perhaps nowhere, as its nodes have other work too.
        trouble: why nothing can begin there now, as a sentence; `nodes` are then those that it had.
    """

    model_config = ConfigDict(frozen=True)

    cpu_slots: int
    io_slots: int
    nodes: tuple[Node, ...]
    is_placed: bool = False
    trouble: str = ""

    @property
    def gpus(self) -> int:
        """GPUs on all machines together."""
        return sum(len(node.gpus) for node in self.nodes)

    @property
    def memory_mb(self) -> int:
        """Memory for jobs on all machines together, in MiB."""
        return sum(node.memory_mb for node in self.nodes)

    def fits(self, demand: Demand) -> bool:
        """Whether a job could run here if nothing else did."""
        if self.trouble and not self.nodes:
            return True  # what there will be is not known
        if demand.gpu_ids and self.is_placed:
            return False
        return sum(_fits(node, demand) for node in self.nodes) >= demand.nodes


def _fits(node: Node, demand: Demand) -> bool:
    return (
        demand.gpus <= len(node.gpus)
        and all(index < len(node.gpus) for index in demand.gpu_ids)
        and demand.memory_mb <= node.memory_mb
        and (demand.platform is None or demand.platform in node.platforms())
    )


def demand_of(job: Job | Row[Any]) -> Demand:
    """What a job needs, from its row, or from the columns that tell.

    Raises:
        ValueError: the row makes no sense.
    """
    return Demand(Slot(job.slot), job.gpus, tuple(job.gpu_ids), job.memory_mb, job.nodes, job.platform_id)


def local_capacity(settings: Settings) -> Capacity:
    """What this machine runs jobs on."""
    node = this_node()
    memory = (
        round(1024 * settings.memory_gb) if settings.memory_gb else max(1024, node.memory_mb - _SPARED_MB)
    )
    return Capacity(
        cpu_slots=settings.compute_slots,
        io_slots=settings.io_slots,
        nodes=(node.model_copy(update={"memory_mb": memory}),),
    )


@dataclass(frozen=True)
class Fleet:
    """What all servers together run jobs on."""

    capacities: Sequence[Capacity]

    @property
    def nodes(self) -> list[Node]:
        """Every machine, each once."""
        found = {node.name: node for capacity in self.capacities for node in capacity.nodes}
        return list(found.values())

    @property
    def trouble(self) -> str:
        """Why nothing can begin anywhere now; empty if it can somewhere."""
        troubles = [capacity.trouble for capacity in self.capacities]
        return troubles[0] if troubles and all(troubles) else ""

    @property
    def most_gpus(self) -> int:
        """GPUs of the machine that has the most."""
        return max((len(node.gpus) for node in self.nodes), default=0)

    def fits(self, demand: Demand) -> bool:
        """Whether some server could run a job if it ran nothing else."""
        return any(capacity.fits(demand) for capacity in self.capacities)

    def platforms(self) -> dict[UUID, tuple[Node, str]]:
        """Every kind of GPU and processor, by its id."""
        return {identity: (node, kind) for node in self.nodes for identity, kind in node.platforms().items()}

    def lack(self, demand: Demand) -> "Lack":
        """Why no server could ever run a job."""
        largest = max((capacity.nodes for capacity in self.capacities), key=len, default=())
        memory = max((node.memory_mb for node in self.nodes), default=0)
        if demand.platform is not None and demand.platform not in self.platforms():
            said = f"there is no platform {demand.platform}; GET :gpu_types lists those that there are"
            return Lack("platform", said)
        if demand.nodes > len(largest):
            return Lack("nodes", f"it needs {demand.nodes} nodes, and there are {len(largest)}")
        if demand.gpus > self.most_gpus:
            said = f"it needs {demand.gpus} GPUs, and no machine has more than {self.most_gpus}"
            return Lack("gpus", said if self.most_gpus else f"{said}; 1 runs on a processor")
        if demand.gpu_ids and all(capacity.is_placed for capacity in self.capacities):
            said = "the cluster chooses the GPUs of a job itself; leave them out"
            return Lack("gpu_ids", said)
        if demand.gpu_ids and max(demand.gpu_ids) >= self.most_gpus:
            listed = ", ".join(map(str, demand.gpu_ids))
            said = f"it needs the GPUs {listed}, and no machine has more than {self.most_gpus}"
            return Lack("gpu_ids", said)
        if demand.memory_mb > memory:
            said = (
                f"it needs {demand.memory_mb} MiB of memory, and no machine has more than {memory} for jobs"
            )
            return Lack("memory", said)
        return Lack("all", "no machine has all that it needs")


class Lack(NamedTuple):
    """What there is too little of, as `Demand` names it, and a sentence that says so."""

    what: str
    sentence: str
