"""The processes that train together, as each of them sees them."""

import warnings
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch._C._distributed_c10d import PrefixStore, Store

from tunesmith.training.seats import Seat

T = TypeVar("T")

PATIENCE = timedelta(hours=12)
"""How long a process waits for the others: as long as the first one may validate. Deaths end it at once."""


class Group:
    """Training alone: it has the shape of a group, so that there is one loop, and costs nothing."""

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that measures, saves and reports."""
        return self.rank == 0

    def share(self, value: T) -> T:
        """The first process's value, in all of them. Values are plain data and tensors."""
        return value

    def agreed(self, asked: bool) -> bool:
        """The first process's answer, in all of them; cheap enough for each step."""
        return asked

    def gather(self, value: T) -> list[T]:
        """Everybody's values in the first process, by rank; nothing in the others."""
        return [value]

    def fabric(self, device: torch.device, precision: Any) -> Fabric:
        """The Fabric that trains in this process on one device."""
        fabric = Fabric(accelerator=device.type, devices=1, precision=precision, strategy="auto")
        fabric.launch()
        return fabric


class Company(Group):
    """Training by several processes, each with its share of each step.

    Words go over gloo even where gradients go over NCCL: they need no GPU, and wait for none.

    Args:
        seat: the place of this process.
        store: where all of them meet.
        backend: what carries gradients, gloo or nccl.
    """

    def __init__(self, seat: Seat, store: Store, backend: str) -> None:
        self.rank, self.size = seat.rank, seat.size
        self._seat = seat
        # Of weights with one channel, whose memory is in order whatever their strides are.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        dist.init_process_group(
            backend,
            timeout=PATIENCE,
            world_size=seat.size,
            rank=seat.rank,
            store=PrefixStore("group", store),
        )
        self._words: Any = None if backend == "gloo" else dist.new_group(backend="gloo", timeout=PATIENCE)

    def share(self, value: T) -> T:
        """The first process's value, in all of them. Values are plain data and tensors."""
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._words, device=torch.device("cpu"))
        return box[0]

    def agreed(self, asked: bool) -> bool:
        """The first process's answer, in all of them; cheap enough for each step."""
        word = torch.tensor([asked], dtype=torch.uint8)
        dist.broadcast(word, src=0, group=self._words)
        return bool(word.item())

    def gather(self, value: T) -> list[T]:
        """Everybody's values in the first process, by rank; nothing in the others."""
        found: list[Any] | None = [None] * self.size if self.leads else None
        dist.gather_object(value, found, dst=0, group=self._words)
        return found or []

    def fabric(self, device: torch.device, precision: Any) -> Fabric:
        """The Fabric that trains in this process on one device."""
        fabric = Fabric(
            accelerator=device.type,
            devices=self._seat.processes,
            num_nodes=self._seat.nodes,
            precision=precision,
            # Some backbones have weights that no output depends on; which ones never changes.
            strategy=DDPStrategy(cluster_environment=_Seated(self._seat), static_graph=True),
        )
        fabric.launch()
        return fabric


class _Seated(ClusterEnvironment):
    """Tells Fabric where this process sits. The processes are there already, and connected."""

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return self._seat.meeting.rpartition(":")[0]

    @property
    def main_port(self) -> int:
        return int(self._seat.meeting.rpartition(":")[2])

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._seat.size

    def set_world_size(self, size: int) -> None:
        """The seat says it."""

    def global_rank(self) -> int:
        return self._seat.rank

    def set_global_rank(self, rank: int) -> None:
        """The seat says it."""

    def local_rank(self) -> int:
        return self._seat.local

    def node_rank(self) -> int:
        return self._seat.node
