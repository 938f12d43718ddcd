"""What a server asks of a place that runs workers."""

from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from tunesmith.protocol import Launch


class Slot(StrEnum):
    """What a job occupies while it runs."""

    CPU = "cpu"
    GPU = "gpu"
    IO = "io"


class Demand(NamedTuple):
    """What a job occupies while it runs.

    Attributes:
        slot: the kind of slot, of which it takes one; on GPUs it takes as many as `gpus` says.
        gpus: the number of GPUs on each node.
        gpu_ids: the indices of GPUs that it must have; empty where any will do.
        memory_mb: main memory in MiB.
        nodes: machines that compute together.
        platform: the kind of GPU or processor that it must have, if it is to be a certain one.
    """

    slot: Slot
    gpus: int = 0
    gpu_ids: tuple[int, ...] = ()
    memory_mb: int = 0
    nodes: int = 1
    platform: UUID | None = None


class ExecutorError(Exception):
    """A worker could not be started; the message says why."""


class Worker(Protocol):
    """One worker, as its watcher sees it: a process, or one on each node."""

    def wait(self) -> bool:
        """Block until there may be new events (True) or the worker is gone (False)."""

    @property
    def ending(self) -> str:
        """How the worker ended, in words; known once `wait` answered False."""

    @property
    def obstacle(self) -> str:
        """Why it never began although nothing is wrong with it, such as a lack of room; empty if it did."""

    def stop(self) -> None:
        """Ask the worker to end: finish the step, write a checkpoint, report."""

    def kill(self) -> None:
        """End the worker and all its processes now."""

    def keep(self) -> None:
        """Tell the worker that this server still holds the job: it ends by itself if it hears nothing."""


class Executor(Protocol):
    """Starts workers."""

    def start(self) -> None:
        """Get ready in the background; returns at once."""

    def launch(self, launch: Launch, demand: Demand) -> Worker:
        """Start a worker.

        Raises:
            ExecutorError: no process could be started.
        """

    def adopt(self, job_id: UUID) -> Worker | None:
        """The worker of a job that a server before this one has started, if there still is one."""

    def close(self) -> None:
        """Release everything; workers that still run are told to stop and then ended."""
