"""What the scheduler asks of a place that runs workers."""

from enum import StrEnum
from typing import Protocol
from uuid import UUID

from tunesmith.protocol import Launch


class Slot(StrEnum):
    """What a job occupies while it runs."""

    CPU = "cpu"
    GPU = "gpu"
    IO = "io"


class ExecutorError(Exception):
    """A worker could not be started; the message says why."""


class Worker(Protocol):
    """One worker process, as its watcher sees it."""

    def wait(self) -> bool:
        """Block until there may be new events (True) or the worker is gone (False)."""

    @property
    def ending(self) -> str:
        """How the process ended, in words; known once `wait` answered False."""

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

    def launch(self, launch: Launch, slot: Slot) -> Worker:
        """Start a worker.

        Raises:
            ExecutorError: no process could be started.
        """

    def adopt(self, job_id: UUID) -> Worker | None:
        """The worker of a job that a server before this one has started, if there still is one."""

    def close(self) -> None:
        """Release everything; workers that still run are told to stop and then ended."""
