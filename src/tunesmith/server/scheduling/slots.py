"""What this machine can run at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunesmith.server.scheduling.executors.base import Slot


@dataclass(frozen=True)
class SlotUse:
    """How many slots of a kind there are: in use, and free. GPUs are counted one by one."""

    used: int
    free: int


class SlotPool:
    """Counts free slots and names free GPUs. Its user sees to it that one thread at a time calls."""

    def __init__(self, cpu: int, io: int, gpus: int) -> None:
        self._size = {Slot.CPU: cpu, Slot.IO: io}
        self._used = {Slot.CPU: 0, Slot.IO: 0}
        self._all_gpus = gpus
        self._free_gpus = list(range(gpus))

    def has_room(self, slot: Slot, gpus: int) -> bool:
        """Whether a job would get its slot now."""
        if slot is Slot.GPU:
            return gpus <= len(self._free_gpus)
        return self._used[slot] < self._size[slot]

    def take(self, slot: Slot, gpus: int) -> tuple[int, ...]:
        """Occupy a slot that has room: the indices of its GPUs, none for other slots."""
        if slot is Slot.GPU:
            taken, self._free_gpus = self._free_gpus[:gpus], self._free_gpus[gpus:]
            return tuple(taken)
        self._used[slot] += 1
        return ()

    def give_back(self, slot: Slot, gpus: tuple[int, ...]) -> None:
        """Free a slot."""
        if slot is Slot.GPU:
            self._free_gpus = sorted([*self._free_gpus, *gpus])
        else:
            self._used[slot] -= 1

    def copy(self) -> "SlotPool":
        """A pool in the same state, to try out what would have room."""
        twin = SlotPool(self._size[Slot.CPU], self._size[Slot.IO], self._all_gpus)
        twin._used, twin._free_gpus = dict(self._used), list(self._free_gpus)
        return twin

    def uses(self) -> Mapping[Slot, SlotUse]:
        """How far each kind of slot is in use."""
        counted = {slot: SlotUse(used, self._size[slot] - used) for slot, used in self._used.items()}
        free = len(self._free_gpus)
        return counted | {Slot.GPU: SlotUse(self._all_gpus - free, free)}

    def shortage(self, slot: Slot, gpus: int) -> str:
        """What a job waits for that finds no slot."""
        if slot is Slot.GPU:
            return f"Waits for {gpus} free GPU(s): {len(self._free_gpus)} of {self._all_gpus} are free"
        kind = "processor" if slot is Slot.CPU else "transfer"
        return f"Waits for a free {kind} slot: all {self._size[slot]} are in use"
