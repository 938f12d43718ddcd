"""A fork server of this server's own: one process with the heavy imports done."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import structlog

from tunesmith.protocol import Launch
from tunesmith.server.scheduling.executors.base import ExecutorError
from tunesmith.server.scheduling.executors.places import Places
from tunesmith.server.scheduling.executors.worker import LocalWorker, begin

ANSWER_SECONDS = 120.0
"""How long a launch may take: the first one waits until the imports are done."""
_TRIES = 3
_YOUNG_SECONDS = 10.0

_log = structlog.get_logger()


class WarmProcess:
    """Started again when it dies. Its workers outlive it, and their watchers keep their connections."""

    def __init__(self, name: str, modules: tuple[str, ...], places: Places) -> None:
        self._name = name
        self._modules = modules
        self._places = places
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()
        self.path = Path()
        self.has_launched = False

    def start(self) -> None:
        """Start the process, which warms up by itself."""
        with self._lock:
            self._start()

    def launch(self, launch: Launch) -> LocalWorker:
        """Fork a worker, by a new process if this one is gone.

        Raises:
            ExecutorError: there is no worker.
        """
        for _ in range(_TRIES):
            process, path = self._running()
            try:
                worker = begin(path, ANSWER_SECONDS, "launch", launch.model_dump_json())
            except OSError:
                process.kill()  # gone, or deaf; its workers go on
                process.wait()
                continue
            if worker:
                self.has_launched = True
                return worker
        raise ExecutorError(
            f"The warm process for {self._name} jobs was asked {_TRIES} times to start a worker, and none "
            "began. The server's standard error says why."
        )

    def ask_to_end(self) -> None:
        """Have it stop all its workers and go; while it still imports, it has none."""
        with self._lock:
            self._closed = True
            if self._process:
                self._process.terminate()

    def await_end(self, seconds: float) -> None:
        """Wait until it is gone, and end it if it takes longer."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _running(self) -> tuple["subprocess.Popen[bytes]", Path]:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._process is not None  # noqa: S101 - for the type checker
            return self._process, self.path

    def _start(self) -> None:
        if self._closed:
            raise ExecutorError("The server stops.")
        listener, self.path = self._places.bind(self._name)
        self.has_launched = False
        with listener:
            number = listener.fileno()
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "tunesmith.training.forkserver", str(number), *self._modules],
                pass_fds=[number],
                stdin=subprocess.PIPE,  # its end tells that this server is gone
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # what ends a terminal's processes is not for the workers
            )
        watcher = threading.Thread(target=self._see_to_end, args=(self._process, time.monotonic()))
        watcher.daemon = True
        watcher.start()

    def _see_to_end(self, process: "subprocess.Popen[bytes]", begun: float) -> None:
        """Start anew at once what died after a while; what dies young waits for the next launch."""
        code = process.wait()
        if process.stdin:
            process.stdin.close()
        with self._lock:
            if self._closed:
                return
            _log.warning("fork_server_ended", name=self._name, code=code)
            if self._process is process and time.monotonic() - begun > _YOUNG_SECONDS:
                self._start()
