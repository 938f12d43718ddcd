"""What can be run at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunesmith.server.scheduling.resources import Capacity
from tunesmith.workers.base import Demand, Slot


@dataclass(frozen=True)
class SlotUse:
    """How many slots of a kind there are: in use, and free. GPUs are counted one by one."""

    used: int
    free: int


class SlotPool:
    """Counts free slots and memory, and names free GPUs. One thread at a time calls."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._used = {Slot.CPU: 0, Slot.IO: 0}
        self._used_memory = 0
        self._used_gpus: set[int] = set()

    @property
    def capacity(self) -> Capacity:
        """What there is in all."""
        return self._capacity

    def resize(self, capacity: Capacity) -> None:
        """Machines have come or gone. What is in use stays in use."""
        self._capacity = capacity

    def has_room(self, demand: Demand) -> bool:
        """Whether a job would get what it needs now.

        A job that has begun before needs no more than that: it may run on while nothing else can begin.
        """
        if demand.nodes * demand.memory_mb > self._capacity.memory_mb - self._used_memory:
            return False
        if demand.slot is not Slot.GPU:
            return self._used[demand.slot] + demand.nodes <= self._size(demand.slot)
        if demand.gpu_ids:
            return self._used_gpus.isdisjoint(demand.gpu_ids) and max(demand.gpu_ids) < self._capacity.gpus
        return demand.nodes * demand.gpus <= len(self._free_gpus())

    def offers(self, slot: Slot) -> bool:
        """Whether anything of a kind is free for a job to begin."""
        if not self._opens(slot):
            return False
        return bool(self._free_gpus()) if slot is Slot.GPU else self._used[slot] < self._size(slot)

    def take(self, demand: Demand) -> tuple[int, ...]:
        """Occupy what a job needs, which there is room for: the indices of its GPUs, none on other slots."""
        self._used_memory += demand.nodes * demand.memory_mb
        if demand.slot is not Slot.GPU:
            self._used[demand.slot] += demand.nodes
            return ()
        taken = demand.gpu_ids or tuple(self._free_gpus()[: demand.nodes * demand.gpus])
        self._used_gpus.update(taken)
        return taken

    def give_back(self, demand: Demand, gpus: tuple[int, ...]) -> None:
        """Free what a job had."""
        self._used_memory -= demand.nodes * demand.memory_mb
        if demand.slot is Slot.GPU:
            self._used_gpus.difference_update(gpus)
        else:
            self._used[demand.slot] -= demand.nodes

    def uses(self) -> Mapping[Slot, SlotUse]:
        """How far each kind of slot is in use."""
        counted = {slot: SlotUse(used, self._size(slot) - used) for slot, used in self._used.items()}
        return counted | {Slot.GPU: SlotUse(len(self._used_gpus), len(self._free_gpus()))}

    def _opens(self, slot: Slot) -> bool:
        """Whether jobs of a kind can begin at all. What moves data runs beside the server in any case."""
        return slot is Slot.IO or not self._capacity.trouble

    def _size(self, slot: Slot) -> int:
        return self._capacity.cpu_slots if slot is Slot.CPU else self._capacity.io_slots

    def _free_gpus(self) -> list[int]:
        return [index for index in range(self._capacity.gpus) if index not in self._used_gpus]


def wait_for(demand: Demand) -> str:
    """What a job waits for that has all but its slot."""
    match demand.slot:
        case Slot.GPU if demand.gpu_ids:
            return f"Waits for the GPU(s) {', '.join(map(str, demand.gpu_ids))}"
        case Slot.GPU:
            return f"Waits for {demand.nodes * demand.gpus} free GPU(s)"
        case Slot.CPU:
            return "Waits for a free processor slot"
        case Slot.IO:
            return "Waits for a free transfer slot"
