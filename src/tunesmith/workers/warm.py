"""A fork server of this process's own: one process with the heavy imports done."""

from collections.abc import Callable
from pathlib import Path

from tunesmith.protocol import Launch
from tunesmith.protocol.lease import clock
from tunesmith.workers.base import ExecutorError
from tunesmith.workers.companion import Companion
from tunesmith.workers.places import Places
from tunesmith.workers.worker import LocalWorker, begin

ANSWER_SECONDS = 120.0
"""How long a launch may take: the first one waits until the imports are done."""
_TRIES = 3


class WarmProcess(Companion):
    """It warms up by itself. Its workers outlive it, and their watchers keep their connections."""

    def __init__(self, name: str, modules: tuple[str, ...], places: Places) -> None:
        super().__init__(name, "tunesmith.training.forkserver", modules, places)
        self._served: Path | None = None

    @property
    def has_launched(self) -> bool:
        """Whether the process that runs now may have workers."""
        return self._served == self.path

    def launch(self, launch: Launch, held_at: Callable[[], float] = clock) -> LocalWorker:
        """Fork a worker, by a new process if this one is gone.

        Args:
            launch: its job.
            held_at: since when a server is known to hold the job, asked for when the process is ready.

        Raises:
            ExecutorError: there is no worker.
        """
        for _ in range(_TRIES):
            process, path = self.running()
            try:
                worker = begin(path, ANSWER_SECONDS, "launch", launch.model_dump_json(), held_at=held_at)
            except OSError:
                process.kill()  # gone, or deaf; its workers go on
                process.wait()
                continue
            if worker:
                self._served = path
                return worker
        raise ExecutorError(
            f"The warm process for {self.name} jobs was asked {_TRIES} times to start a worker, and none "
            "began. Its standard error says why."
        )
