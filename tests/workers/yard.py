"""What the tests of executors share: jobs that are led by files, and servers that can be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

from tunesmith.protocol import Event, EventTail, Interrupted, JobFolder, JobRequest, Launch, Started
from tunesmith.workers.base import Demand, Slot
from tunesmith.workers.local import LocalExecutor
from tunesmith.workers.worker import LocalWorker

HERE = Path(__file__).parent
MODULES = ("executor_actions",)


def gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return True
    return state in "ZX"


def until(condition: Callable[[], object], what: str = "", seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what or condition
        time.sleep(0.01)


class Job:
    """A job's folder, and what its worker says and is told there."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder
        self.id = UUID(folder.root.name)

    @property
    def events(self) -> list[Event]:
        return list(EventTail(self.folder).read())

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    @property
    def pid(self) -> int:
        """The process of the worker, which must have started once."""
        (started,) = (event for event in self.events if isinstance(event, Started))
        return started.pid

    @property
    def interruption(self) -> str:
        (event,) = (event for event in self.events if isinstance(event, Interrupted))
        return event.message

    def said(self, message: str) -> str:
        """Wait for a message that begins like this; the rest of it."""
        until(lambda: self._find(message), f"{message!r} in {self.events}")
        return self._find(message)[0].removeprefix(message)

    def _find(self, message: str) -> list[str]:
        texts = [getattr(event, "message", "") for event in self.events]
        return [text for text in texts if text.startswith(message)]

    def tell(self, what: str) -> None:
        (self.folder.scratch / what).touch()


class Yard:
    """A data folder, jobs, and executors on it: of this process, and of servers to be killed."""

    def __init__(self, folder: Path) -> None:
        self.run_dir = folder / "run"
        self._jobs_dir = folder / "jobs"
        self._drivers: list[Driver] = []
        self._executors: list[LocalExecutor] = []

    def job(self, do: str) -> Job:
        job_id = uuid4()
        folder = JobFolder(self._jobs_dir / str(job_id))
        folder.create(JobRequest(job_id=job_id, action="train", specs={"do": do}))
        return Job(folder)

    def executor(self) -> LocalExecutor:
        executor = LocalExecutor(self.run_dir, MODULES, MODULES)
        self._executors.append(executor)
        executor.start()
        return executor

    def driver(self) -> "Driver":
        driver = Driver(self.run_dir)
        self._drivers.append(driver)
        return driver

    def adopted(self, job: Job) -> LocalWorker:
        worker = self.executor().adopt(job.id)
        assert worker is not None
        return worker

    def close(self) -> None:
        for driver in self._drivers:
            driver.kill()
        for executor in self._executors:
            executor.close()


class Driver:
    """A process with an executor of its own."""

    def __init__(self, run_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "executor_driver.py"), str(run_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.fork_server = int(self._line())

    def launch(self, job: Job, lease_seconds: float = 60, message: str = "waits") -> int:
        """Start the job and wait until its worker says something; the worker's process."""
        launch = Launch(folder=job.folder.root, lease_seconds=lease_seconds)
        assert self.process.stdin is not None
        self.process.stdin.write(launch.model_dump_json() + "\n")
        self.process.stdin.flush()
        pid = int(self._line())
        job.said(message)
        return pid

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def kill_fork_server(self) -> None:
        os.kill(self.fork_server, signal.SIGKILL)
        until(lambda: gone(self.fork_server))

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def launch(
    executor: LocalExecutor, job: Job, lease_seconds: float = 60, slot: Slot = Slot.CPU
) -> LocalWorker:
    return executor.launch(Launch(folder=job.folder.root, lease_seconds=lease_seconds), Demand(slot))


def to_end(worker: LocalWorker) -> str:
    """Wait until the worker is gone; how it ended."""
    while worker.wait():
        pass
    return worker.ending
