"""A process of this one's own that listens on a Unix socket."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from tunesmith.workers.base import ExecutorError
from tunesmith.workers.places import Places

_YOUNG_SECONDS = 10.0
_WAITING = {"GOMP_SPINCOUNT": "1000"}
"""How long a thread that computes turns round and round for the others before it sleeps (GNU OpenMP).

By its default it keeps its core for milliseconds that the others need, once there are more threads than
cores: docs/decisions.md has the figures. It is read when torch is loaded, so no worker can set it.
"""

_log = structlog.get_logger()


class Companion:
    """A Python module that is run beside this process, and started again when it dies.

    The module is given the number of the socket and its arguments. Its standard input ends with this process.
    """

    def __init__(self, name: str, module: str, arguments: Sequence[str], places: Places) -> None:
        self.name = name
        self.path = Path()
        self._command = (module, *arguments)
        self._places = places
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process; returns at once."""
        with self._lock:
            self._start()

    def running(self) -> tuple["subprocess.Popen[bytes]", Path]:
        """The process, a new one if need be, and where it listens.

        Raises:
            ExecutorError: it was told to end.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._process is not None  # noqa: S101 - for the type checker
            return self._process, self.path

    def ask_to_end(self) -> None:
        """Have it see to its own end."""
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

    def _start(self) -> None:
        if self._closed:
            raise ExecutorError("The server stops.")
        listener, self.path = self._places.bind(self.name)
        with listener:
            number = listener.fileno()
            module, *arguments = self._command
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", module, str(number), *arguments],
                pass_fds=[number],
                stdin=subprocess.PIPE,  # its end tells that this process is gone
                stdout=subprocess.DEVNULL,
                env=_WAITING | os.environ,
                start_new_session=True,  # what ends a terminal's processes is not for this one
            )
        watcher = threading.Thread(target=self._see_to_end, args=(self._process, time.monotonic()))
        watcher.daemon = True
        watcher.start()

    def _see_to_end(self, process: "subprocess.Popen[bytes]", begun: float) -> None:
        """Start anew at once what died after a while; what dies young waits until it is needed."""
        code = process.wait()
        if process.stdin:
            process.stdin.close()
        with self._lock:
            if self._closed:
                return
            _log.warning("companion_ended", name=self.name, code=code)
            if self._process is process and time.monotonic() - begun > _YOUNG_SECONDS:
                self._start()
