"""Workers on this machine, forked from processes that have the heavy imports done."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import structlog

from tunesmith.protocol import Launch
from tunesmith.server.scheduling.executors.base import ExecutorError, Slot

COMPUTE_MODULES = ("tunesmith.training.worker", "tunesmith.training.preload")
LIGHT_MODULES = ("tunesmith.training.worker", "tunesmith.training.dataservices.pull")
CLOSE_SECONDS = 25.0
"""A little longer than the fork server gives its workers."""

_log = structlog.get_logger()


class LocalWorker:
    """A forked worker behind its channel (see `tunesmith.training.forkserver` for what it carries)."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._text = b""
        self._pid: int | None = None
        self._exit: int | None = None
        self._lock = threading.Lock()

    def wait(self) -> bool:
        """Block until there may be new events (True) or the worker is gone (False)."""
        while True:
            try:
                data = self._channel.recv(4096)
            except OSError:
                data = b""
            if not data:
                self._forget()
                return False
            poked = b"." in data
            self._take(data.replace(b".", b""))
            if self._exit is not None:
                self._forget()
                return False
            if poked:
                return True

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        if self._exit is None:
            return "its process is gone"
        if self._exit < 0:
            return f"its process was ended by {signal.Signals(-self._exit).name}"
        return f"its process exited with code {self._exit}"

    def stop(self) -> None:
        """Ask the worker to end."""
        with suppress(OSError):
            self._channel.send(b"s")

    def kill(self) -> None:
        """End the worker's whole process group."""
        with self._lock:
            if self._pid is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._pid, signal.SIGKILL)

    def _take(self, data: bytes) -> None:
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            word, _, number = line.partition(b" ")
            if word == b"pid":
                self._pid = int(number)
            elif word == b"exit":
                self._exit = int(number)

    def _forget(self) -> None:
        """After the end the number may belong to somebody else."""
        with self._lock:
            self._pid = None
        self._channel.close()


class _ForkServer:
    """One warm process; started again when it is found dead."""

    def __init__(self, folder: Path, name: str, modules: tuple[str, ...]) -> None:
        self._folder = folder
        self._name = name
        self._modules = modules
        self._generation = 0
        self._ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process; it is ready when its imports are done."""
        self._generation += 1
        self._ready = False
        command = [sys.executable, "-m", "tunesmith.training.forkserver", str(self._path), *self._modules]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def connect(self) -> socket.socket:
        """A connection to the warm process, once it is ready."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                _log.warning("fork_server_restarts", name=self._name)
                self.start()
            self._await_ready()
        channel = socket.socket(socket.AF_UNIX)
        try:
            channel.connect(str(self._path))
        except OSError as error:
            channel.close()
            raise ExecutorError(f"The warm process for {self._name} jobs does not answer: {error}") from None
        return channel

    def close(self) -> None:
        """End its standard input, which ends it and its workers."""
        if self._process is None:
            return
        if not self._ready:
            self._process.terminate()  # nobody has connected: it has no workers, and may still be importing
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._name}-{self._generation}"

    def _await_ready(self) -> None:
        """The process says one line when its imports are done."""
        if self._ready or self._process is None or self._process.stdout is None:
            return
        if not self._process.stdout.readline():
            raise ExecutorError(f"The warm process for {self._name} jobs ended while it started.")
        self._ready = True


class LocalExecutor:
    """Two warm processes: one with torch for what computes, one without for what moves data."""

    def __init__(
        self,
        compute_modules: tuple[str, ...] = COMPUTE_MODULES,
        light_modules: tuple[str, ...] = LIGHT_MODULES,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tunesmith-", ignore_cleanup_errors=True)
        root = Path(self._folder.name)
        self._compute = _ForkServer(root, "compute", compute_modules)
        self._light = _ForkServer(root, "light", light_modules)

    def start(self) -> None:
        """Warm up in the background."""
        self._light.start()
        self._compute.start()

    def launch(self, launch: Launch, slot: Slot) -> LocalWorker:
        """Fork a worker for the job."""
        channel = (self._light if slot is Slot.IO else self._compute).connect()
        try:
            channel.sendall(launch.model_dump_json().encode() + b"\n")
        except OSError as error:
            channel.close()
            raise ExecutorError(f"The warm process did not take the job: {error}") from None
        return LocalWorker(channel)

    def close(self) -> None:
        """End both, and with them all workers."""
        self._light.close()
        self._compute.close()
        self._folder.cleanup()
