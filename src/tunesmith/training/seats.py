"""The places of processes that train together."""

from dataclasses import dataclass, replace
from typing import Self

from tunesmith.protocol import Resources


@dataclass(frozen=True)
class Seat:
    """The place of one process. Alone it has the only one.

    Attributes:
        node: the place of its machine; machine 0 leads.
        nodes: how many machines there are.
        local: its place on the machine, and the index of its GPU among the job's.
        processes: how many there are on each machine.
        meeting: HOST:PORT where all find each other; empty if the leader chooses it.
    """

    node: int = 0
    nodes: int = 1
    local: int = 0
    processes: int = 1
    meeting: str = ""

    @classmethod
    def first_of(cls, resources: Resources) -> Self:
        """The first process of a machine, which starts the others."""
        return cls(resources.node, resources.nodes, 0, resources.processes, resources.meeting)

    @property
    def rank(self) -> int:
        """Its place among all; rank 0 speaks for the job."""
        return self.node * self.processes + self.local

    @property
    def size(self) -> int:
        """How many processes there are in all."""
        return self.nodes * self.processes

    def beside(self, local: int, meeting: str) -> "Seat":
        """The seat of another process of the same machine."""
        return replace(self, local=local, meeting=meeting)
